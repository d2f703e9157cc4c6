"""Coordinates: linear changes of variables in which L-BFGS solves its problem."""

import numpy as np
from scipy import fft


class Pixels:
    """The pixel values themselves."""

    def gradient(self, gradient):
        return gradient

    def to_pixels(self, step):
        return step

    def from_pixels(self, step):
        return step


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
        """The gradient in these coordinates, from that with respect to the pixels."""
        spectrum = _transform(gradient)
        spectrum *= self._units
        return spectrum

    def to_pixels(self, step):
        """A step in these coordinates as a step of the pixels."""
        return fft.idctn(step * self._units, axes=(0, 1), norm="ortho", workers=-1, overwrite_x=True)

    def from_pixels(self, step):
        """A step of the pixels as a step in these coordinates."""
        return _transform(step) / self._units


def _transform(image):
    return fft.dctn(image, axes=(0, 1), norm="ortho", workers=-1)
