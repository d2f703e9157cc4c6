"""The palette: gives the content the colours of the styles before it is painted.

A photograph that has the mean and the covariance of a painting's colours keeps its own order of dark and bright, and
the content loss no longer asks for colours that the style loss forbids.
"""

from collections.abc import Sequence

import numpy as np

from brushwork.pictures import sizes
from brushwork.pictures.masks import NO_MASKS, Masks
from brushwork.transport import normal, transport_map

FLOOR = 0.01  # least variance of colours, on 0..255: the covariance of a grey picture is singular


def with_palette(
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    *,
    strength: float,
    blend: Sequence[float],
    margin: float = 0.0,
    masks: Masks = NO_MASKS,
) -> np.ndarray:
    """Return the content in the colours of the styles, clipped to 0..255; the content itself for a strength of 0.

    content: [H, W, 3]; styles: [h, w, 3], RGB, 0..255. strength: 0..1, the share of the change. blend: the weights of
    the styles, which sum to 1. margin: share of a style's sides that is left out at each end, unless masks say what
    counts. With style masks, what is under a mask gets the colours of its style. Returns [H, W, 3] of the content's
    type.
    """
    if not strength:
        return content
    if not masks.sources:
        styles = [sizes.crop_margin(style, margin) for style in styles]
    sources = masks.sources or [None] * len(styles)
    palettes = [_moments(style, source) for style, source in zip(styles, sources, strict=True)]
    if not masks.styles:
        blended = [np.tensordot(blend, parts, 1) for parts in zip(*palettes, strict=True)]
        changed = _moved(content, normal(*_moments(content)), normal(*blended))
        return _between(content, changed, strength)
    result, total = np.zeros_like(content), sum(masks.styles)
    for mask, palette in zip(masks.styles, palettes, strict=True):
        changed = _moved(content, normal(*_moments(content, mask)), normal(*palette))
        result += (mask / np.maximum(total, 1))[:, :, np.newaxis] * (changed - content)
    return _between(content, content + result, strength)


def _between(content, changed, strength):
    """The content with a share of a change, clipped, in its own type."""
    return np.clip(content + strength * (changed - content), 0, 255).astype(content.dtype)


def _moments(image, weights=None):
    """(mean [3], mean of C C' [3, 3]) of the colours C of an image [H, W, 3], with weights [H, W]; float64."""
    colors = image.reshape(-1, 3).astype(np.float64)
    if weights is None:
        return colors.mean(axis=0), colors.T @ colors / len(colors)
    weights = weights.reshape(-1, 1).astype(np.float64)
    count = max(weights.sum(), np.finfo(np.float64).tiny)
    return (weights * colors).sum(axis=0) / count, (weights * colors).T @ colors / count


def _moved(image, own, wanted):
    """The image [H, W, 3] with the wanted Normal of colours instead of its own."""
    linear = transport_map(own, wanted, FLOOR, FLOOR)
    return (image - own.mean.astype(image.dtype)) @ linear.astype(image.dtype) + wanted.mean.astype(image.dtype)
