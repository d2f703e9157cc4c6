"""The palette: the content in the colours of the styles."""

import numpy as np
import pytest

from brushwork.pictures.masks import Masks
from brushwork.pictures.palette import with_palette


@pytest.fixture
def content(random):
    return random.uniform(60, 200, (24, 32, 3)).astype(np.float32)


def moments(image):
    colors = image.reshape(-1, 3).astype(np.float64)
    return colors.mean(axis=0), np.cov(colors.T, bias=True)


def test_by_hand():
    """Three uncorrelated channels: each is stretched by the ratio of the deviations about its mean."""
    axes = np.concatenate([np.eye(3), -np.eye(3)]).reshape(2, 3, 3)
    content, style = 100 + 10 * axes * (1, 2, 4), 80 + 10 * axes * (3, 3, 2)
    changed = with_palette(content, [style], strength=1, blend=[1])
    # A variance of 0.01 is added to those of 33 to 533: 1.5e-4 of a deviation at most, here of distances of up to 30.
    np.testing.assert_allclose(changed, style, atol=5e-3)
    half = with_palette(content, [style], strength=0.5, blend=[1])
    np.testing.assert_allclose(half, (content + style) / 2, atol=5e-3)


def test_the_content_gets_the_mean_and_covariance_of_the_style(content, random):
    mixing = np.array([[0.3, 0.1, 0.05], [0, 0.2, 0.1], [0, 0, 0.1]])
    style = random.uniform(0, 255, (20, 16, 3)) @ mixing + (80, 60, 40)
    changed = with_palette(content, [style.astype(np.float32)], strength=1, blend=[1])
    for found, wanted in zip(moments(changed), moments(style), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-3, atol=0.05)


def test_the_map_is_symmetric_so_that_it_moves_colours_least(content):
    """A picture turned in the space of colours is left alone where the covariance is: no channels are exchanged."""
    style = content[:, :, [1, 0, 2]] / 2 + 60  # the same deviations up to chance, with red and green exchanged
    changed = with_palette(content, [style], strength=1, blend=[1])
    red, green = (np.corrcoef(changed[..., 0].ravel(), content[..., k].ravel())[0, 1] for k in (0, 1))
    assert red > 0.9 > abs(green)


def test_its_own_colours_change_nothing(content):
    np.testing.assert_allclose(with_palette(content, [content], strength=1, blend=[1]), content, atol=1e-2)


def test_strength_zero_is_the_content_itself(content):
    assert with_palette(content, [content / 2], strength=0, blend=[1]) is content


def test_two_styles_have_the_moments_of_their_mixture(content):
    dark, light = np.full((8, 8, 3), 50, np.float32), np.full((6, 6, 3), 150, np.float32)
    changed = with_palette(content, [dark, light], strength=1, blend=[0.25, 0.75])
    mean, covariance = moments(changed)
    np.testing.assert_allclose(mean, [125] * 3, atol=1)  # 0.25 * 50 + 0.75 * 150; some values are clipped
    assert np.trace(covariance) == pytest.approx(3 * 0.25 * 0.75 * 100**2, rel=0.05)


def test_style_masks_give_each_part_the_colours_of_its_style(content):
    left = np.zeros((24, 32), np.float32)
    left[:, :16] = 1
    dark, light = np.full((8, 8, 3), 50, np.float32), np.full((6, 6, 3), 150, np.float32)
    masks = Masks(styles=(left, np.zeros_like(left)))
    masks.styles[1][:, 24:] = 1
    changed = with_palette(content, [dark, light], strength=1, blend=[0.5, 0.5], masks=masks)
    np.testing.assert_allclose(changed[:, :16], 50, atol=1)
    np.testing.assert_allclose(changed[:, 24:], 150, atol=1)
    np.testing.assert_array_equal(changed[:, 16:24], content[:, 16:24])  # under no mask


def test_source_masks_say_which_part_of_a_style_counts(content):
    style = np.full((10, 10, 3), 220, np.float32)
    style[:5] = 40
    source = np.zeros((10, 10), np.float32)
    source[:5] = 1
    changed = with_palette(content, [style], strength=1, blend=[1], masks=Masks(sources=(source,)))
    np.testing.assert_allclose(changed, 40, atol=1)


def test_a_margin_is_left_out(content):
    style = np.full((20, 20, 3), 255, np.float32)
    style[2:-2, 2:-2] = 90
    np.testing.assert_allclose(with_palette(content, [style], strength=1, blend=[1], margin=0.1), 90, atol=1)


def test_grey_and_single_colours_are_finite_and_in_range(content):
    grey = np.repeat(content[:, :, :1], 3, axis=2)
    for one, other in ((grey, content), (content, grey), (np.full_like(content, 7), content)):
        changed = with_palette(one, [other], strength=1, blend=[1])
        assert changed.dtype == np.float32
        assert np.isfinite(changed).all()
        assert changed.min() >= 0
        assert changed.max() <= 255
