"""The Wasserstein style loss: by hand, against NumPy, by finite differences, where it is zero, and where it is hard."""

import functools

import numpy as np
import pytest
import scipy.linalg
import tensorflow.compat.v1 as tf

import vgg
from brushwork.engine.sums import Moments, moments
from brushwork.engine.term import map_named
from brushwork.losses import wasserstein
from brushwork.losses.matrix_sqrt import trace_sqrt
from brushwork.presets import PRESETS
from brushwork.settings import Settings
from stylize import make_objective
from tests.helpers import tiny_networks
from tests.helpers.tiers import spot_checks
from tests.reference.distances import style_distance

pytestmark = pytest.mark.numerical


def distance(features, style, masks=None):
    """(the distances [K], their gradient) of features and a style, each [h, w, C], as the program computes them."""
    count = 0 if masks is None else masks.shape[-1]
    term, run = distance_in_graph(features.dtype, features.shape[-1], count, wasserstein.VARIANCE)
    positions = style.reshape(-1, style.shape[-1]).astype(np.float64)
    mean, second = positions.mean(axis=0), positions.T @ positions / len(positions)
    target = term.target(Moments(*(np.stack([each] * (count or 1)) for each in (1.0, mean, second))))
    return run(features, *target, *([] if masks is None else [masks]))


@functools.cache
def distance_in_graph(dtype, channels, count, variance):
    """The term, and its distances for pictures of any size, with so many masks; built once for all tests."""
    term = wasserstein.Wasserstein({"": 1.0}, blend=lambda count: (1 / count,) * count, mask_count=count)
    with tf.Graph().as_default() as graph:
        image, masks = (tf.placeholder(dtype, [None, None, size]) for size in (channels, count or 1))
        target = map_named(lambda name, each: tf.placeholder(dtype, each.shape), term.target_inputs(channels))
        result = term.distances({"": moments(image, masks if count else None)}, {"": target})[""]
        run = tf.Session(graph=graph).make_callable(
            [result, tf.gradients(result, image)[0]], [image, *target, *([masks] if count else [])]
        )
    return term, run


def root(matrix):
    """The square root of a symmetric matrix without negative eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T


def oracle(features, style):
    """The distance of the formula as it is printed, its roots by NumPy's eigendecomposition.

    VARIANCE is added in the directions in which the style varies.
    """
    features, style = (np.asarray(each, np.float64).reshape(-1, each.shape[-1]) for each in (features, style))
    scale, channels = np.sqrt(np.mean(style**2)), style.shape[-1]
    mean, target = features.mean(axis=0) / scale, style.mean(axis=0) / scale
    directions = scipy.linalg.orth((style - style.mean(axis=0)).T, rcond=1e-10)
    added = wasserstein.VARIANCE * directions @ directions.T
    covariance, other = (np.cov(each.T, bias=True) / scale**2 + added for each in (features, style))
    half = root(other)
    cross = root(half @ covariance @ half)
    return (np.sum((mean - target) ** 2) + np.trace(covariance + other - 2 * cross)) / channels


def test_two_channels_by_hand(monkeypatch):
    monkeypatch.setattr(wasserstein, "VARIANCE", 0.0)
    # The style: mean (0, 0), variances 1 and 1, so its mean square is 1. The picture: mean (1, 2), variances 4 and 9.
    style = np.array([[[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]])
    picture = np.array([1.0, 2.0]) + style * [2.0, 3.0]
    # |m|^2 = 5, and the covariances commute: (2 - 1)^2 + (3 - 1)^2 = 5.
    assert distance(picture, style)[0] == pytest.approx((5 + 5) / 2, rel=1e-12)


def test_the_measuring_tool_by_hand():
    # As above, but the style's mean is (0, 2): means differ by (1, 0), and the trace of the second moment is 2 + 4.
    style = np.array([[1.0, 3.0], [-1.0, 3.0], [1.0, 1.0], [-1.0, 1.0]])
    picture = np.array([1.0, 2.0]) + (style - [0.0, 2.0]) * [2.0, 3.0]
    assert style_distance(picture, style) == pytest.approx((1 + 5) / 6, rel=1e-12)
    assert style_distance(style, style) == pytest.approx(0, abs=1e-12)


def test_the_components_of_a_target_by_hand():
    # The mean square of each style is 1. Of the first the components have the variances 1 and 1; of the second 2 and
    # 0, so that rounding may leave -0.001: both are kept, as one of the first is. Each is raised by 1e-4.
    second = np.array([np.diag([1.0, 1.0]), np.diag([2.001, -0.001])])
    term = wasserstein.Wasserstein({"": 1.0}, blend=lambda count: (1 / count,) * count, mask_count=2)
    target = term.target(Moments(np.ones(2), np.zeros((2, 2)), second))
    np.testing.assert_allclose(target.scale, [1, 1], rtol=1e-12)
    np.testing.assert_allclose(target.trace, [2.0002, 2.0012], rtol=1e-12)
    covariances = [np.diag([1.0001, 1.0001]), np.diag([2.0011, 0.0001])]
    np.testing.assert_allclose(target.root @ target.root.transpose(0, 2, 1), covariances, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("variance", "kept"), [(1e-6, 1), (9e-6, 1), (1.1e-5, 2), (1e-4, 2)])
def test_components_of_less_variance_than_rounding_leaves_are_noise(variance, kept):
    term = wasserstein.Wasserstein({"": 1.0}, blend=lambda count: (1 / count,) * count)
    target = term.target(Moments(np.ones(1), np.zeros((1, 2)), np.diag([variance, 2 - variance])[np.newaxis]))
    assert target.root.shape == (1, 2, kept)


@pytest.mark.parametrize(("positions", "others"), [(40, 50), (40, 4), (3, 50), (1, 50), (40, 1)], ids=str)
def test_the_distance_is_that_of_an_oracle(random, positions, others):
    mixed = random.normal(size=(5, 5))
    features, style = (random.normal(1, 1, (count, 1, 5)) @ mixed for count in (positions, others))
    # The roots of singular matrices are exact to the root of the unit roundoff, 1e-8.
    assert distance(features, style)[0] == pytest.approx(oracle(features, style), rel=1e-6)


@pytest.mark.parametrize(("positions", "others"), [(12, 12), (12, 3), (3, 12), (1, 12)], ids=str)
def test_the_gradient_is_that_of_finite_differences(random, positions, others):
    features, style = (random.normal(1, 1, (count, 1, 4)) for count in (positions, others))
    direction = random.normal(size=features.shape)
    _, gradient = distance(features, style)
    step = 1e-4
    ahead, behind = (distance(features + sign * step * direction, style)[0] for sign in (1, -1))
    assert np.sum(gradient * direction) == pytest.approx((ahead - behind).item() / (2 * step), rel=1e-6)


@pytest.mark.parametrize("others", [30, 3])
def test_a_style_is_at_no_distance_from_itself(random, others):
    style = random.normal(2, 1, (others, 1, 5))
    found, gradient = distance(style, style)
    # sqrt(v^2) is exact to an eigenvalue's rounding, 1e-16 of the largest, so its root to 1e-8.
    assert abs(found.item()) < 1e-7
    assert np.abs(gradient).max() < 1e-7


def test_the_order_of_positions_and_the_unit_do_not_matter(random):
    features, style = random.normal(1, 1, (20, 1, 4)), random.normal(0, 2, (30, 1, 4))
    expected = distance(features, style)[0]
    assert distance(random.permutation(features), random.permutation(style))[0] == pytest.approx(expected, rel=1e-10)
    assert distance(1000 * features, 1000 * style)[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("features", ["constant", "zero", "one position"])
@pytest.mark.parametrize("style", ["constant", "zero", "one position", "any"])
def test_what_has_no_variance_has_a_finite_loss_and_gradient(random, dtype, features, style):
    kinds = {"constant": np.full((4, 4, 6), 3.0), "zero": np.zeros((4, 4, 6)), "any": random.normal(size=(4, 4, 6))}
    kinds["one position"] = random.normal(size=(1, 1, 6))
    found, gradient = distance(kinds[features].astype(dtype), kinds[style].astype(dtype))
    assert np.isfinite(found).all()
    assert np.isfinite(gradient).all()
    if features == style == "constant":
        assert abs(found.item()) < 1e-6


def test_each_mask_has_a_distance(random):
    features, style = random.normal(1, 1, (6, 6, 3)), random.normal(0, 2, (5, 5, 3))
    left = np.zeros((6, 6, 2))
    left[:, :3, 0], left[:, 3:, 1] = 1, 1
    found, _ = distance(features, style, left)
    assert found == pytest.approx([oracle(features[:, :3], style), oracle(features[:, 3:], style)], rel=1e-8)


def test_roots_of_matrices_of_different_sizes(random):
    given = [random.normal(size=(2, rows, rows)) for rows in (1, 4, 3)]
    given = [each @ each.transpose(0, 2, 1) for each in given]
    with tf.Graph().as_default(), tf.Session() as session:
        tensors = [tf.placeholder_with_default(each, [2, None, None]) for each in given]
        traces = trace_sqrt(tensors)
        found, gradients = session.run([traces, tf.gradients(traces, tensors)])
    for each, trace, gradient in zip(given, found, gradients, strict=True):
        roots = [root(matrix) for matrix in each]
        np.testing.assert_allclose(trace, [np.trace(each) for each in roots], rtol=1e-12)
        np.testing.assert_allclose(gradient, [np.linalg.inv(each) / 2 for each in roots], rtol=1e-7)


def test_eigenvalues_below_a_bound_count_as_the_bound():
    # Rounding leaves negative ones: of the values 4, 1e-3 and -0.5 the roots are those of 4, 0.01 and 0.01.
    with tf.Graph().as_default(), tf.Session() as session:
        matrices = tf.constant(np.diag([4, 1e-3, -0.5])[np.newaxis])
        traces = trace_sqrt([matrices], least=0.01)
        found, gradients = session.run([traces, tf.gradients(traces, matrices)])
        negative = session.run(trace_sqrt([tf.constant([[[-1.0]]], tf.float64)], least=0.01))
    np.testing.assert_allclose(found[0], [2 + 0.1 + 0.1], rtol=1e-12)
    np.testing.assert_allclose(gradients[0][0], np.diag([1 / 4, 5, 5]), rtol=1e-12)
    np.testing.assert_allclose(negative[0], [0.1], rtol=1e-12)


def test_an_eigenvalue_of_zero_counts_as_the_rounding_of_the_largest():
    # The unit of float64 is 2^-52: of 4 and 0 the roots are 2 and 2^-25, and the derivatives half of 1 over these.
    with tf.Graph().as_default(), tf.Session() as session:
        matrices = tf.constant(np.diag([4.0, 0.0])[np.newaxis])
        traces = trace_sqrt([matrices])
        found, gradients = session.run([traces, tf.gradients(traces, matrices)])
    np.testing.assert_allclose(found[0], [2 + 2**-25], rtol=1e-14)
    np.testing.assert_allclose(gradients[0][0], np.diag([1 / 4, 2**24]), rtol=1e-12)


@pytest.mark.parametrize("level", spot_checks([0, 99], keep=(0,)))
def test_a_flat_style_in_bfloat16_has_a_finite_loss_and_gradient(tiny, random, level):
    """Rounding makes the variance of what has none negative."""
    content, style = random.uniform(0, 255, (30, 40, 3)).astype(np.float32), np.full((30, 40, 3), level, np.float32)
    settings = Settings(**PRESETS["painterly"] | {"precision": "bfloat16"})
    with make_objective(tiny, settings) as objective:
        for image in (content, style):
            objective.set_targets(image, [style])
            losses, gradient = objective.evaluate(image)
            assert np.isfinite(list(losses.values())).all()
            assert np.isfinite(gradient).all()


def objective_for(network, **settings):
    return make_objective(network, Settings(style_loss="wasserstein", style_weight=1.0, tv_weight=0.0, **settings))


def test_styles_are_blended_by_their_moments(random):
    """Half of each of two styles is a style of both their positions."""
    network = tiny_networks.tiny_network(np.float64)
    content, one, other = (random.uniform(0, 255, (32, 32, 3)) for _ in range(3))
    with objective_for(network, content_weight=0.0, style_layers=("relu1_1",)) as objective:
        objective.set_targets(content, [one, other])
        blended, _ = objective.evaluate(content)
    net = {}
    with tf.Graph().as_default(), tf.Session() as session:
        for picture in (content, one, other):
            centred = tf.constant(picture - network.mean_pixel)[np.newaxis]
            built = vgg.build(centred, network.convolutions, layers=["relu1_1"])
            net[id(picture)] = session.run(built["relu1_1"][0])
    both = np.concatenate([net[id(one)], net[id(other)]])
    assert blended["style"] == pytest.approx(oracle(net[id(content)], both), rel=1e-6)


def test_the_content_loss_is_relative_to_the_content(random):
    network = tiny_networks.tiny_network(np.float64)
    content, image = (random.uniform(0, 255, (32, 32, 3)) for _ in range(2))
    with objective_for(network, content_weight=3.0, style_layers=("relu1_1",)) as objective:
        objective.set_targets(content, [content])
        losses, _ = objective.evaluate(image)
        features, target = (objective._evaluator.features(each, ["relu4_2"])["relu4_2"] for each in (image, content))
    assert losses["content"] == pytest.approx(3 * np.sum((features - target) ** 2) / np.sum(target**2), rel=1e-9)
