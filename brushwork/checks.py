"""Checks of calls from Python: a setting that a call cannot honour raises ValueError and is never ignored."""

from collections.abc import Sequence

import numpy as np

from brushwork.pictures import sizes
from brushwork.settings import DEFAULTS, SETTINGS, Settings


def check_settings(settings: Settings, made_with: Settings, content: np.ndarray, styles: Sequence[np.ndarray]) -> None:
    """Raise ValueError if `stylize` cannot honour the settings with an objective that was made with `made_with`."""
    _check_sizes(settings, content)
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


def _check_sizes(settings, content):
    """Raise ValueError if a picture does not have the size that the settings ask for."""
    height, width = content.shape[:2]
    wanted = sizes.output_size(settings, height, width)
    # A side that was rounded by the same rule may be off by one.
    if settings.width not in (None, width) or settings.height not in (None, height) or width - wanted[1] > 1:
        names = [name for name in ("width", "height", "long_side") if getattr(settings, name) is not None]
        resize = f"brushwork.pictures.sizes.resize(content, {wanted[0]}, {wanted[1]})"
        raise ValueError(f"the content is {width}x{height} pixels, not as {' and '.join(names)} says; give {resize}")
    for name in ("style_size", "style_scales"):
        if getattr(settings, name) not in (DEFAULTS[name], "original"):
            resize = "brushwork.pictures.sizes.resize_to_width"
            raise ValueError(f"{name} is for the command; here styles have the sizes of their arrays: use {resize}")
