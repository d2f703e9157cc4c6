"""Colours: pictures in the colours of other pictures."""

import numpy as np

from brushwork.pictures import sizes

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of R, G, B; ITU-R BT.601


def transfer_luma(content, styled):
    """The luma of `styled` with the chroma of `content`: float32 [H, W, 3], not clipped to 0..255.

    Replaces Y of Y'CbCr (ITU-R BT.601). Cb and Cr are multiples of B - Y and R - Y, so adding the difference in luma to
    R, G and B leaves them as they are. Luminance-only transfer of Gatys et al. 2016, arXiv:1606.05897, section 3.2.
    """
    difference = (np.asarray(styled, np.float32) - content) @ LUMA  # [H, W]
    return np.asarray(content, np.float32) + difference[:, :, np.newaxis]


def match_mean_and_covariance(image, reference):
    """`image` with the mean and the covariance of the colours of `reference`: float32 [H, W, 3], not clipped to 0..255.

    Colour matching of Gatys et al. 2016, arXiv:1606.05897, section 3.1, by the linear map
    covariance(reference)^(1/2) covariance(image)^(-1/2), with symmetric square roots.
    """
    colors, wanted = (np.asarray(each, np.float64).reshape(-1, 3) for each in (image, reference))
    root, inverse = _root(np.cov(wanted.T)), np.linalg.inv(_root(np.cov(colors.T)))
    result = (colors - colors.mean(axis=0)) @ (root @ inverse).T + wanted.mean(axis=0)
    return result.reshape(image.shape).astype(np.float32)


def _root(covariance):
    """The symmetric square root of a covariance, [3, 3]; its eigenvalues are at least 0.01, even for grey pictures."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 1e-4)) @ vectors.T


def match_histograms(image, reference):
    """`image` with the histogram of `reference` in each channel: float32 [H, W, 3]. Equal values stay equal."""
    result = np.empty(image.shape, np.float32)
    for channel in range(3):
        _, places, counts = np.unique(image[:, :, channel], return_inverse=True, return_counts=True)
        wanted = np.sort(reference[:, :, channel], axis=None)
        ranks = (np.cumsum(counts) - counts / 2) / places.size  # of each distinct value, 0..1
        wanted_ranks = (np.arange(wanted.size) + 0.5) / wanted.size
        result[:, :, channel] = np.interp(ranks, wanted_ranks, wanted)[places].reshape(image.shape[:2])
    return result


COLOR_TRANSFERS = {"match": match_mean_and_covariance, "histogram": match_histograms}  # by the `colors` of the settings


def recolor(style, content, settings):
    """A style picture in the content's colours, if settings.colors asks for that before the run."""
    if settings.colors not in COLOR_TRANSFERS or not settings.color_strength:
        return style
    return style + settings.color_strength * (COLOR_TRANSFERS[settings.colors](style, content) - style)


def postprocess(image, content, settings):
    """What would be saved of an image: at the content's size, in its colours if settings.colors is "luma"."""
    if image.shape != content.shape:  # of a scale before the last
        image = sizes.resample(image, *content.shape[:2])
    if settings.colors == "luma" and settings.color_strength:
        image = np.clip(image, 0, 255)
        image = image + settings.color_strength * (transfer_luma(content, image) - image)
    return image
