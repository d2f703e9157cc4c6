"""Where a picture has detail: a face and a house have it, a clear sky has none."""

import numpy as np
from scipy.ndimage import gaussian_filter

from brushwork.pictures import sizes

SIDE = 320  # px: the longer side at which detail is looked for
EDGE = 1.5  # px at that size: the standard deviation of the filter that finds edges
AROUND = 8.0  # px at that size: how far from an edge its surroundings belong to it
FULL = 90  # percentile of the strengths of edges that counts as full detail


def saliency_map(image):
    """The detail of an `image` [H, W, 3], 0..255: float32 [H, W], 0..1, at any size much the same.

    It is the root of the mean squared slope of the colours around each pixel, divided by its 90th percentile; a picture
    of one colour has full detail.
    """
    height, width = image.shape[:2]
    small = sizes.resize(image, *sizes.scale_size((height, width), min(1, SIDE / max(height, width))))
    share = max(small.shape[:2]) / SIDE
    scales = EDGE * share, EDGE * share, 0
    slopes = sum(np.square(gaussian_filter(small, scales, order=order)) for order in ((0, 1, 0), (1, 0, 0)))
    strength = np.sqrt(gaussian_filter(slopes.sum(axis=2), AROUND * share))
    full = np.percentile(strength, FULL)
    detail = np.minimum(strength / full, 1) if full > 0 else np.ones_like(strength)
    return np.clip(sizes.resample(detail[:, :, np.newaxis], height, width)[:, :, 0], 0, 1)  # Lanczos overshoots


def content_weights(image, share, mask=None):
    """How much each pixel of the content counts: float32 [H, W], 0..1, or None if all count alike.

    share: 0..1, how much less a pixel without detail counts. mask: [H, W], 0..1, a factor.
    """
    if not share:
        return mask
    found = 1 - share * (1 - saliency_map(image))
    return found if mask is None else found * mask
