"""Calls of the method from Python: what a call cannot honour is refused with a ValueError, never ignored."""

from dataclasses import fields

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
