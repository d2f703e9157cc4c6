"""Coordinates: linear changes of variables for L-BFGS, also known as preconditioners."""

import numpy as np
from scipy import fft

_COSINE = {"axes": (0, 1), "norm": "ortho", "workers": -1}  # arguments of SciPy's discrete cosine transforms


class Identity:
    """The pixel values themselves are the coordinates."""

    def gradient(self, values: np.ndarray) -> np.ndarray:
        """Return the argument, [H, W, 3]."""
        return values

    to_pixels = from_pixels = gradient


class Spectral:
    """The discrete cosine transform of an image [H, W, 3], with each frequency f scaled by f^exponent.

    Pictures have larger amplitudes at low frequencies, where the curvature of the loss is lower. In these coordinates
    the curvature is more even. f is the distance from the constant term: 1 for the highest frequency in both
    directions, and at least 1 / max(H, W).

    shape: of the image. exponent: 0 does not change the steps of L-BFGS, because the transform is orthogonal.
    """

    def __init__(self, shape: tuple[int, ...], exponent: float):
        height, width = shape[:2]
        vertical, horizontal = np.arange(height)[:, None, None] / height, np.arange(width)[None, :, None] / width
        frequency = np.maximum(np.hypot(vertical, horizontal) / np.sqrt(2), 1 / max(height, width))
        self._units = (frequency**-exponent).astype(np.float32)  # [H, W, 1]

    def gradient(self, gradient: np.ndarray) -> np.ndarray:
        """Convert a gradient with respect to the pixels, [H, W, 3], to one with respect to these coordinates."""
        return fft.dctn(gradient, **_COSINE) * self._units

    def to_pixels(self, step: np.ndarray) -> np.ndarray:
        """Convert a step in these coordinates, [H, W, 3], to a step of the pixels."""
        return fft.idctn(step * self._units, **_COSINE, overwrite_x=True)

    def from_pixels(self, step: np.ndarray) -> np.ndarray:
        """Convert a step of the pixels, [H, W, 3], to a step in these coordinates."""
        return fft.dctn(step, **_COSINE) / self._units
