"""Coordinates: linear changes of variables in which L-BFGS solves its problem."""

import numpy as np
from scipy import fft

_COSINE = {"axes": (0, 1), "norm": "ortho", "workers": -1}  # of SciPy's discrete cosine transforms


class Pixels:
    """The pixel values themselves."""

    def gradient(self, values):
        return values

    to_pixels = from_pixels = gradient


class Spectral:
    """The discrete cosine transform of an image [H, W, 3], with frequency f measured in units of f^-exponent.

    Pictures have larger amplitudes at low frequencies, where the curvature of the loss is lower; in these coordinates
    the curvature is more even. f is the distance from the constant term, 1 for the highest frequency in both
    directions, and at least 1 / max(H, W).
    """

    def __init__(self, shape, exponent):
        height, width = shape[:2]
        vertical, horizontal = np.arange(height)[:, None, None] / height, np.arange(width)[None, :, None] / width
        frequency = np.maximum(np.hypot(vertical, horizontal) / np.sqrt(2), 1 / max(height, width))
        self._units = (frequency**-exponent).astype(np.float32)  # [H, W, 1]

    def gradient(self, gradient):
        """The gradient with respect to these coordinates, from the one with respect to the pixels."""
        return fft.dctn(gradient, **_COSINE) * self._units

    def to_pixels(self, step):
        """A step in these coordinates as a step of the pixels."""
        return fft.idctn(step * self._units, **_COSINE, overwrite_x=True)

    def from_pixels(self, step):
        """A step of the pixels as a step in these coordinates."""
        return fft.dctn(step, **_COSINE) / self._units
