"""Sizes: resizing against an independent Lanczos filter, with rectangles that are not square."""

import numpy as np
import pytest
from PIL import Image

from brushwork.pictures import sizes

SHAPES = [(15, 20), (10, 13), (60, 80), (41, 97), (1, 1), (29, 200), (30, 7)]


def lanczos(old, new):
    """The matrix [new, old] of Lanczos resampling with three lobes, which are wider for a smaller result."""
    scale = max(1, old / new)
    centers = (np.arange(new)[:, np.newaxis] + 0.5) * old / new
    distances = (np.arange(old) + 0.5 - centers) / scale
    weights = np.where(abs(distances) < 3, np.sinc(distances) * np.sinc(distances / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def expected(image, height, width):
    rows, columns = lanczos(image.shape[0], height), lanczos(image.shape[1], width)
    return np.einsum("yh,hwc,xw->yxc", rows, image, columns)


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_resample_is_lanczos_of_each_channel(random, size, channels):
    image = random.uniform(-300, 300, (30, 40, channels)).astype(np.float32)
    result = sizes.resample(image, *size)
    assert result.dtype == np.float32
    # Two roundings to float32, of values below 1024: 2^-15 each, the first times weights of a sum below 2.
    np.testing.assert_allclose(result, expected(image, *size), atol=3 * 2**-15)


@pytest.mark.parametrize("size", SHAPES)
def test_resize_is_that_within_the_range(random, size):
    image = (random.uniform(0, 1, (30, 40, 3)) > 0.5) * np.float32(255)  # overshoots at every edge
    np.testing.assert_allclose(sizes.resize(image, *size), np.clip(expected(image, *size), 0, 255), atol=3 * 2**-15)


def test_crop_margin():
    image = np.arange(200).reshape(10, 20, 1)
    np.testing.assert_array_equal(sizes.crop_margin(image, 0.1), image[1:9, 2:18])
    for side in range(1, 20):
        assert sizes.crop_margin(image[:1].repeat(side, 0), 0.4).size


def test_resample_with_another_window():
    image = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    halves = sizes.resample(image, 1, 2, Image.Resampling.BOX)
    np.testing.assert_array_equal(halves, image.reshape(2, 2, 2, 3).mean(axis=(0, 2))[np.newaxis])


@pytest.mark.parametrize("function", [sizes.resize, sizes.resample])
def test_at_its_own_size_a_picture_is_copied(random, function):
    image = random.uniform(-9, 300, (9, 7, 3)).astype(np.float32)
    same = function(image, 9, 7)
    np.testing.assert_array_equal(same, image)
    assert not np.shares_memory(same, image)


@pytest.mark.parametrize(
    ("length", "share", "expected"),
    [
        (30, 1.0, 30),
        (30, 0.5, 15),
        (30, 0.49, 15),
        (30, 0.51, 15),
        (29, 0.6, 17),
        (3, 0.1, 1),
        (1, 1e-9, 1),
        (7, 2, 14),
    ],
)
def test_pixels_are_rounded_and_at_least_one(length, share, expected):
    assert sizes.pixels(length, share) == expected
    assert isinstance(sizes.pixels(length, share), int)


def test_scale_size():
    assert sizes.scale_size((30, 41), 0.5) == (15, 20)
    assert sizes.scale_size((1000, 2), 0.1) == (100, 1)
    assert sizes.scale_size((30, 41), 1) == (30, 41)


@pytest.mark.parametrize(
    ("height", "width", "new_width", "new_height"),
    [(30, 40, 20, 15), (30, 41, 20, 15), (29, 41, 24, 17), (1, 500, 10, 1), (500, 3, 1, 167), (3, 2, 8, 12)],
)
def test_resize_to_width_keeps_the_proportions(random, height, width, new_width, new_height):
    image = random.uniform(0, 255, (height, width, 3)).astype(np.float32)
    result = sizes.resize_to_width(image, new_width)
    np.testing.assert_array_equal(result, sizes.resize(image, new_height, new_width))


@pytest.mark.parametrize(
    ("size", "whole", "top", "left"),
    [
        ((40, 20), (40, 60), 0, 20),  # the same height: 40 columns are cropped
        ((10, 60), (40, 60), 15, 0),
        ((40, 57), (40, 60), 0, 1),  # an odd number: more is cropped at the end
        ((37, 60), (40, 60), 1, 0),
        ((20, 10), (20, 30), 0, 10),  # downscaled first
        ((8, 30), (20, 30), 6, 0),
        ((80, 60), (80, 120), 0, 30),  # upscaled first
        ((13, 20), (13, 20), 0, 0),  # 13.3 rows: nothing is cropped
        ((40, 60), (40, 60), 0, 0),
    ],
)
def test_cover_crops_at_the_centre(random, size, whole, top, left):
    image = random.uniform(0, 255, (40, 60, 3)).astype(np.float32)
    height, width = size
    middle = sizes.resize(image, *whole)[top : top + height, left : left + width]
    np.testing.assert_array_equal(sizes.cover(image, height, width), middle)


@pytest.mark.parametrize("size", [(1, 1), (3, 100), (100, 3), (33, 47), (120, 50), (41, 61), (401, 1), (1, 401)])
def test_cover_returns_a_copy(size):
    image = np.zeros((40, 60, 3), np.float32)
    covered = sizes.cover(image, *size)
    assert covered.shape == (*size, 3)
    assert covered.base is None
    assert not np.shares_memory(covered, image)
