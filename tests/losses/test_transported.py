"""The content in the statistics of the styles: its moments, masks, several styles, tiles, both precisions."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Moments
from brushwork.losses.transported import Transport
from brushwork.pictures.masks import NO_MASKS
from brushwork.settings import Settings
from stylize import Content, Masks, make_objective
from tests.helpers import tiny_networks

pytestmark = pytest.mark.numerical

ONE = {"content_transport": 1.0, "style_weight": 0.0, "tv_weight": 0.0, "content_weight": 1.0}


def equal(count):
    return (1 / count,) * count


def moved(features, *styles, layer="conv1_1", masks=NO_MASKS, strength=1.0, blend=equal):
    """Features [h, w, C] moved to those of styles [n, C], without a network."""

    def style_sums(style, fields):
        points = styles[int(style[0, 0, 0])]
        count = np.array([float(len(points))])
        return {layer: Moments(count, points.sum(axis=0)[np.newaxis], (points.T @ points)[np.newaxis])}

    pictures = [np.full((8, 8, 3), number, np.float32) for number in range(len(styles))]
    measure = SimpleNamespace(style_sums=style_sums)
    return Transport(strength, blend).moved({layer: features}, pictures, masks, measure)[layer]


def statistics(points):
    points = points.reshape(-1, points.shape[-1])
    return points.mean(axis=0), np.cov(points.T, bias=True)


def test_one_channel_by_hand():
    """From 0, 2, mean 1 and deviation 1, to mean 5 and deviation 3; the floors of 1 % and 0.1 % of the variance 1."""
    features, style = np.array([[[0.0], [2.0]]]), np.array([[2.0], [8.0]])
    stretch = np.sqrt((9 + 0.001) / (1 + 0.01))
    np.testing.assert_allclose(moved(features, style).ravel(), [5 - stretch, 5 + stretch], rtol=1e-9)
    np.testing.assert_allclose(moved(features, style, strength=0.25).ravel()[0], (5 - stretch) / 4, rtol=1e-9)


def test_the_features_get_the_mean_and_the_covariance_of_the_style(random):
    features, style = random.normal(size=(20, 30, 4)), random.normal(3, 2, (500, 4)) @ random.normal(size=(4, 4))
    found, wanted = statistics(moved(features, style)), statistics(style)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-9)
    np.testing.assert_allclose(found[1], wanted[1], atol=0.02 * np.trace(wanted[1]))


def test_features_that_have_the_statistics_of_the_style_stay(random):
    features = random.normal(size=(20, 30, 4))
    np.testing.assert_allclose(moved(features, features.reshape(-1, 4)), features, atol=0.03)


def test_only_layers_behind_a_relu_end_at_zero(random):
    features, style = random.normal(0, 1, (9, 9, 2)), random.normal(0, 1, (200, 2))
    convolved = moved(features, style, layer="conv4_2")
    assert convolved.min() < -0.5
    np.testing.assert_array_equal(moved(features, style, layer="relu4_2"), np.maximum(convolved, 0))


def test_two_styles_have_the_moments_of_their_mixture(random):
    features, one, other = random.normal(size=(40, 40, 1)), np.full((10, 1), 2.0), np.full((30, 1), 6.0)
    mean, variance = statistics(moved(features, one, other, blend=lambda count: (0.25, 0.75)))
    assert mean == pytest.approx([5])
    assert variance == pytest.approx(0.25 * 0.75 * 16, rel=0.02)


def test_each_part_under_a_mask_gets_its_style(random):
    features = random.normal(size=(16, 16, 2))
    left = np.zeros((16, 16), np.float32)
    left[:, :6] = 1
    right = np.zeros((16, 16), np.float32)
    right[:, 10:] = 1
    styles = random.normal(3, 1, (300, 2)), random.normal(-4, 2, (300, 2))
    found = moved(features, *styles, masks=Masks(styles=(left, right)))
    for part, style in zip((found[:, :6], found[:, 10:]), styles, strict=True):
        np.testing.assert_allclose(statistics(part)[0], style.mean(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(found[:, 6:10], features[:, 6:10])  # under no mask


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_flat_features_and_flat_styles_are_finite(random, value):
    flat, rough = np.full((6, 6, 3), value), random.uniform(0, 1, (50, 3))
    found = moved(flat, rough)
    np.testing.assert_allclose(found, np.broadcast_to(rough.mean(axis=0), found.shape), rtol=1e-6)
    assert np.isfinite(moved(random.uniform(0, 1, (6, 6, 3)), flat.reshape(-1, 3))).all()


def test_nearly_flat_features_with_a_large_mean_stay_in_range(random):
    """In float32, the square of the mean is a million times the variance, and its rounding as large as the floor."""
    mean = random.uniform(50, 100, 64)
    noise = random.normal(0, 0.05, (40, 40, 64))
    style = random.normal(0, 1, (4000, 64)) @ random.normal(0, 0.2, (64, 64)) + 20
    exact, rounded = (moved((mean + noise).astype(kind), style) for kind in (np.float64, np.float32))
    np.testing.assert_allclose(rounded, exact, atol=0.02 * np.abs(exact - exact.mean(axis=(0, 1))).max())


def test_features_in_bfloat16_keep_their_type(random):
    features = random.uniform(0, 4, (70, 20, 3))  # more rows than are moved at a time
    style = random.uniform(0, 9, (400, 3))
    exact, small = moved(features, style), moved(features.astype(tf.bfloat16.as_numpy_dtype), style)
    assert small.dtype == tf.bfloat16.as_numpy_dtype
    np.testing.assert_allclose(small.astype(np.float64), exact, atol=0.08)


def losses(network, settings, content, styles, image, masks=NO_MASKS, tile_size=None):
    with make_objective(network, settings, masks) as objective:
        objective.set_targets(content, styles, masks, tile_size=tile_size)
        return objective.evaluate(image)


def test_the_content_loss_is_zero_without_the_styles_in_it_only(tiny, random):
    content, style = random.uniform(0, 255, (2, 40, 48, 3)).astype(np.float32)
    own = losses(tiny, Settings(**ONE | {"content_transport": 0.0}), content, [style], content)[0]["content"]
    strengths = [Settings(**ONE | {"content_transport": share}) for share in (0.5, 1.0)]
    half, whole = (losses(tiny, each, content, [style / 4], content)[0]["content"] for each in strengths)
    assert own == pytest.approx(0, abs=1e-9)
    assert whole > half > 0


def test_tiles_and_masks_change_nothing_but_rounding(random):
    network = tiny_networks.tiny_network(np.float64)
    content, image = random.uniform(0, 255, (2, 70, 90, 3))
    styles = list(random.uniform(0, 255, (2, 50, 60, 3)))
    masks = random.uniform(0, 1, (4, 70, 90))
    masks = Masks(tuple(masks[:2]), masks[2], tuple(random.uniform(0, 1, (2, 50, 60))))
    for given in (NO_MASKS, masks):
        settings = Settings(**ONE | {"style_weight": 1.0}, style_loss=("wasserstein",), content_detail=0.5)
        whole = losses(network, settings, content, styles, image, given)
        tiled = losses(network, settings, content, styles, image, given, tile_size=32)
        assert tiled[0]["content"] == pytest.approx(whole[0]["content"], rel=1e-9)
        np.testing.assert_allclose(tiled[1], whole[1], atol=1e-9 * np.abs(whole[1]).max())


def test_source_masks_say_which_part_of_a_style_counts(tiny, random):
    content = random.uniform(0, 255, (40, 48, 3)).astype(np.float32)
    style = random.uniform(0, 255, (48, 64, 3)).astype(np.float32)
    left = np.zeros((48, 64), np.float32)
    left[:, :32] = 1
    settings, other = Settings(**ONE, content_layers=("relu2_1",)), style.copy()
    other[:, 56:] /= 9  # so far from the left that its features do not see it
    found = [losses(tiny, settings, content, [each], content, Masks(sources=(left,)))[0] for each in (style, other)]
    assert found[0]["content"] == pytest.approx(found[1]["content"], rel=1e-6)
    without = [losses(tiny, settings, content, [each], content)[0]["content"] for each in (style, other)]
    assert without[0] != pytest.approx(without[1], rel=1e-3)


def test_a_term_without_it_asks_for_no_sums_of_styles():
    assert Content({"relu4_2": 1.0}).style_sums({}, {}) == {}
    assert "source" not in Content({"relu4_2": 1.0}).inputs({"relu4_2": 8})
