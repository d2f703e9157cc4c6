"""Colours: give one picture the colours of another."""

import numpy as np

from brushwork.pictures import sizes
from brushwork.settings import Settings

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of R, G and B; ITU-R BT.601


def transfer_luma(content: np.ndarray, styled: np.ndarray) -> np.ndarray:
    """Combine the luma of `styled` with the chroma of `content`.

    content, styled: [H, W, 3], RGB, 0..255. Returns float32 [H, W, 3], not clipped to 0..255.

    Luminance-only transfer of Gatys et al. 2016, arXiv:1606.05897, section 3.2, in Y'CbCr (ITU-R BT.601). Cb and Cr are
    multiples of B - Y and R - Y, so adding the same difference to R, G and B changes Y only.
    """
    difference = (np.asarray(styled, np.float32) - content) @ LUMA  # [H, W]
    return np.asarray(content, np.float32) + difference[:, :, np.newaxis]


def match_mean_and_covariance(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give `image` the mean and the covariance of the colours of `reference`.

    image: [H, W, 3], RGB, 0..255; reference: [h, w, 3]. Returns float32 [H, W, 3], not clipped to 0..255.

    Colour matching of Gatys et al. 2016, arXiv:1606.05897, section 3.1, by the linear map
    covariance(reference)^(1/2) covariance(image)^(-1/2), with symmetric square roots.
    """
    colors, wanted = (np.asarray(each, np.float64).reshape(-1, 3) for each in (image, reference))
    root, inverse = (_sqrt(np.cov(each.T, ddof=min(1, len(each) - 1))) for each in (wanted, colors))
    inverse = np.linalg.inv(inverse)
    result = (colors - colors.mean(axis=0)) @ (root @ inverse).T + wanted.mean(axis=0)
    return result.reshape(image.shape).astype(np.float32)


def _sqrt(covariance):
    """Return the symmetric square root of a covariance, [3, 3].

    Its eigenvalues are raised to 0.01 or more: the covariance of a grey picture is singular.
    """
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 1e-4)) @ vectors.T


def match_histograms(image: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Give each channel of `image` the histogram of the same channel of `reference`. Equal values stay equal.

    image: [H, W, 3], reference: [h, w, 3], RGB, 0..255. Returns float32 [H, W, 3], within the range of `reference`.
    """
    result = np.empty(image.shape, np.float32)
    for channel in range(3):
        _, places, counts = np.unique(image[:, :, channel], return_inverse=True, return_counts=True)
        wanted = np.sort(reference[:, :, channel], axis=None)
        quantiles = (np.cumsum(counts) - counts / 2) / places.size  # of each distinct value, 0..1
        wanted_quantiles = (np.arange(wanted.size) + 0.5) / wanted.size
        matched = np.interp(quantiles, wanted_quantiles, wanted)
        result[:, :, channel] = matched[places].reshape(image.shape[:2])
    return result


COLOR_TRANSFERS = {"match": match_mean_and_covariance, "histogram": match_histograms}  # value of Settings.colors -> map


def recolor(style: np.ndarray, content: np.ndarray, settings: Settings) -> np.ndarray:
    """Return a style picture in the colours of the content, if settings.colors is one of COLOR_TRANSFERS.

    style: float32 [h, w, 3], RGB, 0..255, returned as it is for other values of settings.colors; content: [H, W, 3].
    The result may exceed 0..255.
    """
    if settings.colors not in COLOR_TRANSFERS or not settings.color_strength:
        return style
    return style + settings.color_strength * (COLOR_TRANSFERS[settings.colors](style, content) - style)


def postprocess(image: np.ndarray, content: np.ndarray, settings: Settings) -> np.ndarray:
    """Return `image` as it is saved: in the size of the content, with its chroma if settings.colors is "luma".

    image: float32 [h, w, 3], RGB, smaller than the content at all scales but the last; content: [H, W, 3].
    Returns float32 [H, W, 3], not clipped to 0..255.
    """
    if image.shape != content.shape:
        image = sizes.resample(image, *content.shape[:2])
    if settings.colors == "luma" and settings.color_strength:
        image = np.clip(image, 0, 255)
        image = image + settings.color_strength * (transfer_luma(content, image) - image)
    return image
