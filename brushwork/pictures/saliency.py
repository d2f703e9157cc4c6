"""Saliency: where a picture has detail. A face or a house has detail, a clear sky has none."""

import numpy as np
from scipy.ndimage import gaussian_filter

from brushwork.pictures import masks, sizes

SIDE = 320  # px, the longer side of the picture in which edges are found
EDGE = 1.5  # px at that size, the standard deviation of the derivative of a Gaussian that finds edges
AROUND = 8.0  # px at that size, the standard deviation of the Gaussian that averages over the surroundings
FULL = 90  # the percentile of edge strengths that counts as full detail


def saliency_map(image: np.ndarray) -> np.ndarray:
    """Measure the detail around each pixel, nearly independently of the size of the picture.

    It is the root of the mean squared slope of the colours, divided by its 90th percentile and limited to 1. A picture
    of a single colour has detail 1 everywhere.

    image: [H, W, 3], RGB, 0..255. Returns float32 [H, W], 0..1.
    """
    height, width = image.shape[:2]
    small = sizes.resize(image, *sizes.scale_size((height, width), min(1, SIDE / max(height, width))))
    share = max(small.shape[:2]) / SIDE  # below 1 for a picture that is smaller than SIDE
    sigmas = EDGE * share, EDGE * share, 0
    slopes = sum(np.square(gaussian_filter(small, sigmas, order=order)) for order in ((0, 1, 0), (1, 0, 0)))
    strength = np.sqrt(gaussian_filter(slopes.sum(axis=2), AROUND * share))
    full = np.percentile(strength, FULL)
    detail = np.minimum(strength / full, 1) if full > 0 else np.ones_like(strength)
    return masks.resize(detail.astype(np.float32), height, width)


def content_weights(image: np.ndarray, share: float, mask: np.ndarray | None = None) -> np.ndarray | None:
    """Return the weight of each pixel in the content loss, or None if all weights are 1.

    image: the content, [H, W, 3], RGB, 0..255. share: 0..1, how much lower the weight of a pixel without detail is.
    mask: [H, W], 0..1, multiplies the weights. Returns float32 [H, W], 0..1.
    """
    if not share:
        return mask
    weights = 1 - share * (1 - saliency_map(image))
    return weights if mask is None else weights * mask
