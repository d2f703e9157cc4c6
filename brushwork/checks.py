"""Calls of the method from Python: what a call cannot honour is refused with a ValueError, never ignored."""

from dataclasses import fields

import numpy as np

from brushwork.pictures import sizes
from brushwork.settings import DEFAULTS, OF_THE_RUN


def check_settings(settings, made_with, content, styles):
    """That `stylize` can do what the settings say, with an objective made with others. Raises ValueError."""
    if settings.instant:
        raise ValueError("an instant picture has no steps; call brushwork.preview.network.painted")
    _check_sizes(settings, content)
    differing = [
        field.name
        for field in fields(settings)
        if field.name not in OF_THE_RUN and getattr(settings, field.name) != getattr(made_with, field.name)
    ]
    if differing:
        names = ", ".join(differing)
        raise ValueError(f"the objective was made with other settings ({names}); give both the same Settings")
    check_blend(settings, styles)


def check_blend(settings, styles):
    """That there is a weight for each style, if there are any. Raises ValueError."""
    weights = settings.style_blend_weights
    if weights and len(weights) != len(styles):
        raise ValueError(f"style_blend_weights takes one number for each style: {len(styles)}, not {len(weights)}")


def _check_sizes(settings, content):
    """That the pictures have the sizes that the settings ask for, as far as they ask for any."""
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


def check_pictures(content, styles):
    """That these are pictures, and at least one style. Raises ValueError."""
    if not len(styles):
        raise ValueError("there is no style picture; give at least one")
    for name, picture in (("content", content), *(("style", style) for style in styles)):
        if np.ndim(picture) != 3 or np.shape(picture)[2] != 3 or not np.issubdtype(picture.dtype, np.floating):
            is_array = f"{getattr(picture, 'dtype', type(picture).__name__)} {list(np.shape(picture))}"
            raise ValueError(f"the {name} is {is_array}; pictures are float32 [H, W, 3], RGB, 0..255")


def check_masks(masks, made_with, styles):
    """That the masks are of the kinds that the objective was made with, and fit the styles. Raises ValueError."""
    for name in ("styles", "sources"):
        count, expected = len(getattr(masks, name)), len(getattr(made_with, name))
        if bool(count) != bool(expected) or (name == "styles" and count != expected):
            raise ValueError(f"masks.{name} are {count}, and the objective was made for {expected}; give both the same")
        if count and count != len(styles):
            raise ValueError(f"masks.{name} takes one mask for each style: {len(styles)}, not {count}")
    if (masks.content is None) != (made_with.content is None):
        raise ValueError("masks.content is given to the objective or to this call only; give both the same masks")
