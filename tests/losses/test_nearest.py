"""The nearest-feature loss: by hand, by finite differences, where it is zero, in tiles, with masks, of two styles."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.losses import nearest
from brushwork.losses.nearest import Nearest, counted, dictionary
from brushwork.network.layers import reach, stride
from brushwork.settings import NEAREST_LAYERS, Settings, nearest_step
from stylize import Masks, make_objective, make_terms, stylize
from tests.helpers import tiny_networks
from tests.helpers.tiny_networks import FEW_LAYERS

pytestmark = pytest.mark.numerical

SETTINGS = {"style_loss": ("wasserstein", "nearest:2"), "style_weight": 1.0, "content_weight": 0.1, "tv_weight": 0.0}


def mean_error(positions, *styles, shares=(1.0,), weights=None, entries=100):
    """(the mean of 1 - u v, its gradient) for positions [n, C] and styles [m, C], as the program computes them."""
    vectors, mean = dictionary([(style, style) for style in styles], shares, entries)
    with tf.Graph().as_default(), tf.Session() as session:
        given = tf.constant(positions)
        masks = None if weights is None else tf.constant(weights)
        total = nearest._dissimilarity(given, tf.constant(vectors), tf.constant(mean), masks)
        value = total.sum / total.count
        return session.run([value, tf.gradients(value, given)[0]])


def test_three_positions_and_two_of_the_style_by_hand():
    # The style's mean is 0. The image's directions are (0.6, 0.8), (-1, 0) and (0, 1), at cosines of 0.6, 1 and 0 at
    # most. With weights 1, 1 and 2 the mean of 0.4, 0 and 1 is 2.4 / 4.
    image, style = np.array([[3.0, 4.0], [-7.0, 0.0], [0.0, 2.0]]), np.array([[2.0, 0.0], [-2.0, 0.0]])
    assert mean_error(image, style)[0] == pytest.approx(1.4 / 3, rel=1e-7)
    assert mean_error(image, style, weights=np.array([1.0, 1.0, 2.0]))[0] == pytest.approx(2.4 / 4, rel=1e-7)
    assert mean_error(image + 5, style + 5)[0] == pytest.approx(1.4 / 3, rel=1e-7)  # both without the style's mean


def test_the_gradient_is_that_of_finite_differences(random):
    image, style, direction = random.normal(size=(9, 4)), random.normal(size=(6, 4)), random.normal(size=(9, 4))
    step = 1e-6
    ahead, behind = (mean_error(image + sign * step * direction, style)[0] for sign in (1, -1))
    found = np.sum(mean_error(image, style)[1] * direction)
    assert found == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_a_picture_that_is_the_style_has_no_loss(random):
    style = random.normal(3, 2, (8, 5))
    value, gradient = mean_error(style, style)
    assert abs(value) < 1e-8
    assert np.abs(gradient).max() < 1e-8


def test_neither_the_order_of_the_style_nor_the_unit_matters(random):
    image, style = random.normal(size=(9, 4)), random.normal(size=(20, 4))
    expected = mean_error(image, style)[0]
    assert mean_error(image, style[::-1].copy())[0] == pytest.approx(expected, rel=1e-12)
    assert mean_error(1000 * image, 1000 * style)[0] == pytest.approx(expected, rel=1e-6)


def test_styles_have_entries_by_their_shares(random):
    one, two = random.normal(size=(30, 3)), random.normal(size=(90, 3))
    vectors, mean = dictionary([(one, one), (two, two)], (0.25, 0.75), 40)
    np.testing.assert_allclose(mean, 0.25 * one.mean(axis=0) + 0.75 * two.mean(axis=0), rtol=1e-12)

    def units(style):
        return (style - mean) / np.linalg.norm(style - mean, axis=1, keepdims=True)

    def count(style):
        return sum((np.abs(units(style) - each).max(axis=1) < 1e-6).any() for each in vectors)

    assert (len(vectors), count(one), count(two)) == (40, 10, 30)
    assert len(dictionary([(one, one), (two, two)], (0.5, 0.5), 100)[0]) == 60  # as many of each as the smaller has
    assert len(dictionary([(one, one), (two, two)], (0.0, 1.0), 100)[0]) == 90


@pytest.mark.parametrize(("layer", "px"), [("relu1_2", 2), ("relu2_1", 4), ("relu3_1", 8), ("relu4_1", 8)])
def test_the_receptive_fields_of_the_compared_positions_overlap(layer, px):
    assert nearest_step(layer) * stride(layer) == px
    assert px < 2 * reach(layer) + 1  # its receptive field


def test_more_positions_than_a_block_are_found_as_by_numpy(random, monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK", 16)
    image, style = random.normal(size=(39, 4)), random.normal(size=(50, 4))

    def units(vectors):
        centred = vectors - style.mean(axis=0)
        return centred / np.linalg.norm(centred, axis=1, keepdims=True)

    expected = 1 - (units(image) @ units(style).T).max(axis=1).mean()
    assert mean_error(image, style)[0] == pytest.approx(expected, rel=1e-6)


def test_positions_of_a_style_on_the_grid_and_under_a_mask():
    features = np.arange(4 * 6.0).reshape(4, 6, 1)
    every, some = counted(features, None, "relu1_1")
    assert (len(every), some.ravel().tolist()) == (24, [0, 2, 4, 12, 14, 16])
    source = np.zeros((4, 6))
    source[:, 3:], source[0, 0] = 0.75, 0.25
    every, some = counted(features, source, "relu1_1")
    assert every.ravel().tolist() == [3, 4, 5, 9, 10, 11, 15, 16, 17, 21, 22, 23]
    assert some.ravel().tolist() == [4, 16]
    # A mask that is nowhere white, and one that leaves no position of the grid, keep what they have.
    assert counted(features, source / 10, "relu1_1")[1].ravel().tolist() == [4, 16]
    odd = np.zeros((4, 6))
    odd[1, 1] = 1
    assert counted(features, odd, "relu1_1")[1].ravel().tolist() == [7]


@pytest.mark.parametrize(
    ("masked", "padding"), [(True, "replicate"), pytest.param(False, "zero", marks=pytest.mark.exhaustive)]
)
def test_tiles_change_nothing(random, masked, padding):
    size = 80, 96
    content, one, two, image = random.uniform(0, 255, (4, *size, 3))
    masks = Masks(tuple(random.uniform(0, 1, (2, *size))), None, tuple(random.uniform(0, 1, (2, *size))))
    masks, layers = masks if masked else Masks(), {"relu1_1": 2.0, "relu3_1": 3.0}
    settings = Settings(**SETTINGS, **FEW_LAYERS, style_blend_weights=(1, 3), padding=padding)
    terms = make_terms(settings, masks)
    terms[2] = dataclasses.replace(terms[2], weights=layers)
    results = []
    with make_objective(tiny_networks.tiny_network(np.float64), settings, masks, terms=terms) as objective:
        for tile_size in (None, 64):
            objective.set_targets(content, [one, two], masks, tile_size=tile_size)
            results.append(objective.evaluate(image))
    (losses, gradient), (tiled_losses, tiled_gradient) = results
    assert list(losses)[:5] == ["content", "style", "nearest", "tv", "total"]
    assert losses["nearest"] > 0.001
    assert tiled_losses == pytest.approx(losses, rel=1e-10)
    np.testing.assert_allclose(tiled_gradient, gradient, atol=1e-10 * np.abs(gradient).max())


def test_the_gradient_through_the_network(random):
    content, style, image, direction = random.uniform(0, 255, (4, 40, 48, 3))
    settings = Settings(**SETTINGS, pooling="avg")
    network = tiny_networks.tiny_network(np.float64)
    with make_objective(network, settings, terms=[make_terms(settings)[2]]) as objective:
        objective.set_targets(content, [style])
        _, gradient = objective.evaluate(image)
        ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-8, -1e-8))
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-8, rel=1e-5)


def test_each_mask_is_drawn_to_its_own_style(random):
    """Halves of a picture that are the two styles have no loss under their masks, and one under the other's."""
    one, two = random.uniform(0, 255, (2, 64, 128, 3))
    image = np.concatenate([one[:, :64], two[:, 64:]], axis=1)
    left = np.zeros((64, 128))
    left[:, :16] = 1  # so far from the middle that relu3_1 sees one style only
    masks, settings = (left, left[:, ::-1].copy()), Settings(style_blend_weights=(1, 1))
    term = Nearest({"relu3_1": 1.0}, settings.blend, mask_count=2, entries=4096)
    values = []
    with make_objective(tiny_networks.tiny_network(np.float64), settings, Masks(masks), terms=[term]) as objective:
        for styles in ([one, two], [two, one]):
            objective.set_targets(image, styles, Masks(masks))
            values.append(objective.evaluate(image)[0]["nearest"])
    assert values[0] < 1e-7
    assert values[1] > 1e-4


def test_in_bfloat16_it_is_near(tiny, random):
    content, style, image = random.uniform(0, 255, (3, 40, 48, 3)).astype(np.float32)
    found = []
    for precision in ("float32", "bfloat16"):
        term = Nearest({"relu3_1": 1.0}, Settings().blend)
        with make_objective(tiny, Settings(), terms=[term], precision=precision) as objective:
            objective.set_targets(content, [style])
            found.append(objective.evaluate(image)[0]["nearest"])
    # Cosines of features that were rounded to 8 bits in each of five layers.
    assert found[1] == pytest.approx(found[0], rel=0.1)


def test_the_settings_choose_the_losses():
    settings = Settings(style_loss=("wasserstein:0.5", "nearest:2"), style_weight=10.0, strength=3.0)
    assert settings.style_losses == {"wasserstein": 0.5, "nearest": 2.0}
    assert settings.style_layer_weights == pytest.approx(dict.fromkeys(settings.style_layer_weights, 3.0))
    assert settings.nearest_layer_weights == dict.fromkeys(NEAREST_LAYERS, 15.0)
    assert {*settings.layers} == {"relu4_2", *settings.style_layer_weights, *NEAREST_LAYERS}
    assert [term.name for term in make_terms(settings)] == ["content", "style", "nearest", "tv"]
    assert Settings(style_loss=("Wasserstein", "NEAREST")).style_losses == {"wasserstein": 1, "nearest": 1}
    alone = Settings(style_loss="nearest", content_weight=0)
    assert (alone.style_loss, alone.layers) == (("nearest",), NEAREST_LAYERS)
    assert Settings().nearest_layer_weights == {}
    layers = Settings(style_loss=("gram", "nearest"), style_weight=4.0, nearest_layers=("relu1_1", "relu2_1:0.25"))
    assert layers.nearest_layer_weights == {"relu1_1": 2.0, "relu2_1": 1.0}


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        (("gramm",), "--style-loss must be one of gram, wasserstein, nearest, not 'gramm'"),
        (("gram", "wasserstein"), "--style-loss takes gram or wasserstein, and nearest, each once"),
        (("nearest", "nearest:2"), "--style-loss takes gram or wasserstein, and nearest, each once"),
        ((), "--style-loss takes at least one value"),
        (("nearest:x",), "--style-loss: the weight of nearest must be a number not below 0, not x"),
        (("gram:-1",), "the weight of gram must be a number not below 0, not -1"),
    ],
    ids=str,
)
def test_wrong_losses_are_refused(losses, message):
    with pytest.raises(ValueError, match=message):
        Settings(style_loss=losses)


def test_beside_another_loss_it_counts_in_fine_scales_only(tiny, random):
    content, style, image = random.uniform(0, 255, (3, 40, 48, 3)).astype(np.float32)
    found = {}
    for losses in (("wasserstein", "nearest"), ("nearest",)):
        settings = Settings(style_loss=losses, content_weight=0.1)
        with make_objective(tiny, settings) as objective:
            for share in (0.5, 0.7, 1.0):
                objective.set_targets(content, [style], share=share)
                found[len(losses), share] = objective.evaluate(image)
    assert found[2, 0.5][0]["nearest"] == 0
    without = dataclasses.replace(settings, style_loss="wasserstein")
    with make_objective(tiny, without) as objective:
        objective.set_targets(content, [style])
        np.testing.assert_allclose(found[2, 0.5][1], objective.evaluate(image)[1], rtol=1e-4, atol=1e-6)
    assert found[2, 0.7][0]["nearest"] == pytest.approx(found[2, 1.0][0]["nearest"])
    assert found[2, 1.0][0]["nearest"] == pytest.approx(found[1, 0.5][0]["nearest"])
    assert found[2, 1.0][0]["nearest"] > 0.01


def test_the_scales_of_a_run_know_their_share(tiny, random):
    content, style = random.uniform(0, 255, (2, 48, 64, 3)).astype(np.float32)
    settings = Settings(**SETTINGS, initial="content", scale_factor=1.414, scales=(3,), iterations=1)
    with make_objective(tiny, settings) as objective:
        losses = {step.scale: step.losses["nearest"] for step in stylize(objective, content, [style], settings)}
    assert [losses[scale] > 0 for scale in range(3)] == [False, True, True]
