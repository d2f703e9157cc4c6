"""Saliency: which pixels have detail, at any size, and their weights."""

import numpy as np
import pytest

from brushwork.pictures import saliency, sizes


def half_smooth(random, height, width):
    """Noise in the left half, in squares that grow with the picture, and a single colour in the right half."""
    coarse = random.uniform(0, 255, (12, 20, 3)).astype(np.float32)
    coarse[:, 10:] = 90
    return sizes.resample(coarse, height, width, 0)


def test_detail_is_where_there_are_edges(random):
    found = saliency.saliency_map(half_smooth(random, 192, 320))
    assert found.shape == (192, 320)
    assert found.dtype == np.float32
    assert found[:, :140].mean() > 0.6  # 20 px from the border, two and a half times the filter's width
    assert found[:, 190:].max() < 0.02
    assert found.max() == 1


@pytest.mark.parametrize("factor", [0.5, 2, 5])
def test_detail_is_the_same_at_other_sizes(random, factor):
    image = half_smooth(random, 192, 320)
    other = saliency.saliency_map(sizes.resample(image, int(192 * factor), int(320 * factor), 0))
    small = saliency.saliency_map(image)
    np.testing.assert_allclose(sizes.resample(other[:, :, np.newaxis], 192, 320)[:, :, 0], small, atol=0.1)


def test_detail_around_a_step():
    """The slope is a normal density in x. Its square has half the variance, and variances add in a convolution."""
    image = np.zeros((320, 320, 3), np.float32)
    image[:, 160:] = 200
    distance = np.arange(320) - 159.5
    variance = saliency.AROUND**2 + saliency.EDGE**2 / 2
    tenth = 16.5  # px: the distance of the nearest column outside the nearest tenth of all columns
    expected = np.minimum(np.exp((tenth**2 - distance**2) / (4 * variance)), 1)
    np.testing.assert_allclose(saliency.saliency_map(image)[100], expected, atol=0.03)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 300, 3), (50, 60, 3)])
def test_a_picture_of_one_colour_has_full_detail(shape):
    assert (saliency.saliency_map(np.full(shape, 77, np.float32)) == 1).all()


def test_weights(random):
    image, mask = half_smooth(random, 96, 160), random.uniform(0, 1, (96, 160)).astype(np.float32)
    assert saliency.content_weights(image, 0) is None
    assert saliency.content_weights(image, 0, mask) is mask
    found = saliency.content_weights(image, 0.75)
    assert found.min() == pytest.approx(0.25, abs=0.01)
    assert found.max() == 1
    np.testing.assert_allclose(saliency.content_weights(image, 0.75, mask), found * mask)
    np.testing.assert_allclose(saliency.content_weights(image, 1), saliency.saliency_map(image), atol=1e-6)
