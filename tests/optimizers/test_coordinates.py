"""Spectral coordinates: units by hand, the maps and their inverses, and faster convergence."""

from itertools import islice

import numpy as np
import pytest
from scipy import fft

from brushwork.optimizers.coordinates import Identity, Spectral
from brushwork.optimizers.lbfgs import LBFGS

ROUNDED = 2.0**-22  # relative error: a product has at most two units, rounded to float32; the rest is float64


def cosines(shape, vertical, horizontal, channel):
    """One frequency in one channel of an image: half cycles down and across."""
    height, width, _ = shape
    image = np.zeros(shape)
    down = np.cos(np.pi * vertical * (np.arange(height) + 0.5) / height)
    image[:, :, channel] = np.outer(down, np.cos(np.pi * horizontal * (np.arange(width) + 0.5) / width))
    return image


@pytest.mark.parametrize(
    ("vertical", "horizontal", "square"),
    # f^2 = ((vertical / 6)^2 + (horizontal / 8)^2) / 2, and at least 1 / 8^2
    [(3, 0, 1 / 8), (0, 4, 1 / 8), (3, 4, 1 / 4), (2, 6, 97 / 288), (0, 7, 49 / 128), (0, 0, 1 / 64), (1, 0, 1 / 64)],
)
@pytest.mark.parametrize("exponent", [1, 0.35, 0])
def test_units_of_a_picture_wider_than_high(vertical, horizontal, square, exponent):
    image = cosines((6, 8, 3), vertical, horizontal, channel=1)
    spectral = Spectral(image.shape, exponent)
    # One factor f^-exponent for the gradient and one for the step.
    back = spectral.to_pixels(spectral.gradient(image))
    np.testing.assert_allclose(back, square**-exponent * image, rtol=0, atol=ROUNDED * square**-exponent)


def test_units_of_a_picture_higher_than_wide():
    image = cosines((8, 6, 3), 0, 0, channel=2)
    spectral = Spectral(image.shape, 1)
    np.testing.assert_allclose(spectral.to_pixels(spectral.gradient(image)), 64 * image, rtol=0, atol=64 * ROUNDED)


@pytest.mark.parametrize("shape", [(12, 17, 3), (17, 12, 3)])
@pytest.mark.parametrize("exponent", [None, 0.35, 0.7])
def test_maps_there_and_back(random, shape, exponent):
    coordinates = Identity() if exponent is None else Spectral(shape, exponent)
    one, other = random.normal(0, 1, (2, *shape))
    copy = one.copy()
    np.testing.assert_allclose(coordinates.from_pixels(coordinates.to_pixels(one)), one, atol=1e-13)
    np.testing.assert_allclose(coordinates.to_pixels(coordinates.from_pixels(one)), one, atol=1e-13)
    # A step changes the loss by the same amount in both: the map of gradients is the transpose of the map of steps.
    in_pixels, in_coordinates = np.vdot(one, coordinates.to_pixels(other)), np.vdot(coordinates.gradient(one), other)
    assert in_coordinates == pytest.approx(in_pixels, rel=1e-12)
    np.testing.assert_array_equal(one, copy)


def test_float32_stays_float32():
    image, spectral = np.ones((4, 5, 3), np.float32), Spectral((4, 5, 3), 0.35)
    results = spectral.gradient(image), spectral.to_pixels(image), spectral.from_pixels(image)
    assert {result.dtype for result in results} == {np.dtype(np.float32)}


def test_spectral_coordinates_lower_a_smooth_loss_faster(random):
    # The curvature rises with the frequency, like that of the loss. Totals are compared after 15 iterations.
    shape = (24, 24, 3)
    frequency = np.hypot(*np.meshgrid(np.arange(24), np.arange(24)))[:, :, None] / 24
    curvature = np.maximum(frequency, 1 / 24) ** 1.4

    def smooth(image):
        spectrum = fft.dctn(image, axes=(0, 1), norm="ortho")
        gradient = fft.idctn(curvature * spectrum, axes=(0, 1), norm="ortho")
        return {"total": float(np.vdot(image, gradient)) / 2}, gradient

    start, totals = random.normal(0, 50, shape), []
    for exponent in (0.0, 0.7):
        *_, (_, losses) = islice(LBFGS(smooth, start, pairs=5, coordinates=Spectral(shape, exponent)), 15)
        totals.append(losses["total"])
    assert totals[1] < totals[0] / 10
