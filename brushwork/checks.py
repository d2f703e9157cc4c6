"""Checks of calls from Python: a setting that a call cannot honour raises ValueError and is never ignored."""

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from brushwork.pictures import sizes
from brushwork.pictures.arrays import check_masks, check_picture, check_pictures
from brushwork.pictures.masks import NO_MASKS, Masks
from brushwork.preview_settings import PreviewSettings
from brushwork.schedule import make_schedule
from brushwork.settings import DEFAULTS, SETTINGS, TILE_GRID, Settings
from brushwork.state import State, fits


def check_call(
    settings: Settings,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    masks: Masks,
    *,
    made_with: Any,
    initial: np.ndarray | None,
    resume: State | None,
    tile_sizes: Sequence[int | None] | None,
) -> None:
    """Raise ValueError if `stylize` cannot honour its arguments. made_with: the objective's settings, if it has any."""
    if not isinstance(settings, Settings):
        raise ValueError(f"settings are a Settings, not {type(settings).__name__}")
    check_pictures(content, styles)
    check_masks(masks, content, styles)
    for name in ("styles", "sources"):
        if any(not mask.any() for mask in getattr(masks, name)):
            raise ValueError(f"a mask of masks.{name} is 0 everywhere")
    check_settings(settings, made_with if isinstance(made_with, Settings) else settings, content, styles)
    if initial is not None:
        check_picture("initial picture", initial)
        if initial.shape != content.shape:
            raise ValueError(f"the initial picture is {list(initial.shape)}, and the content {list(content.shape)}")
    if resume is not None and not (isinstance(resume, State) and fits(resume, settings, *content.shape[:2])):
        raise ValueError("the state to resume from is not one of a run with these settings and sizes")
    scales = len(make_schedule(settings, *content.shape[:2]).sizes)
    if tile_sizes is not None and len(tile_sizes) != scales:
        raise ValueError(f"tile_sizes takes one number for each scale: {scales}, not {len(tile_sizes)}")
    for tile_size in tile_sizes or ():
        check_tile_size(tile_size)


def check_tile_size(tile_size: Any) -> None:
    """Raise ValueError unless this is the side of tiles, px, or None."""
    is_side = isinstance(tile_size, numbers.Integral) and not isinstance(tile_size, bool) and tile_size >= TILE_GRID
    if tile_size is not None and not is_side:
        raise ValueError(f"a tile size is a number of pixels, at least {TILE_GRID}, or None, not {tile_size!r}")


def check_preview(
    settings: PreviewSettings, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks = NO_MASKS
) -> None:
    """Raise ValueError if a preview cannot honour its arguments."""
    if not isinstance(settings, PreviewSettings):
        raise ValueError(f"the settings of a preview are PreviewSettings, not {type(settings).__name__}")
    check_pictures(content, styles)
    if masks.content is not None or masks.sources:
        raise ValueError("previews have masks.styles only")
    if masks.styles and len(masks.styles) != len(styles):
        raise ValueError(f"masks.styles takes one mask for each style: {len(styles)}, not {len(masks.styles)}")
    check_masks(masks, content, styles)
    _check_size(settings, content)


def check_settings(settings: Settings, made_with: Settings, content: np.ndarray, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError if `stylize` cannot honour the settings with an objective that was made with `made_with`."""
    _check_size(settings, content)
    for name in ("style_size", "style_scales"):
        if getattr(settings, name) not in (DEFAULTS[name], "original"):
            resize = "brushwork.pictures.sizes.resize_to_width"
            raise ValueError(f"{name} is for the command; here styles have the sizes of their arrays: use {resize}")
    differing = [
        name
        for name, setting in SETTINGS.items()
        if setting.affects == "loss" and getattr(settings, name) != getattr(made_with, name)
    ]
    if differing:
        names = ", ".join(differing)
        raise ValueError(f"the objective was made with other settings ({names}); give both the same Settings")
    check_blend(settings, styles)


def check_blend(settings: Settings, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError if there are blend weights, but not one for each style."""
    weights = settings.style_blend_weights
    if weights and len(weights) != len(styles):
        raise ValueError(f"style_blend_weights takes one number for each style: {len(styles)}, not {len(weights)}")


def _check_size(settings, content):
    """Raise ValueError if the content does not have the size that the settings ask for."""
    height, width = content.shape[:2]
    wanted = sizes.output_size(settings, height, width)
    # A side that was rounded by the same rule may be off by one.
    if settings.width not in (None, width) or settings.height not in (None, height) or width - wanted[1] > 1:
        names = [name for name in ("width", "height", "long_side") if getattr(settings, name) is not None]
        resize = f"brushwork.pictures.sizes.resize(content, {wanted[0]}, {wanted[1]})"
        raise ValueError(f"the content is {width}x{height} pixels, not as {' and '.join(names)} says; give {resize}")
