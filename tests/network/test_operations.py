"""Convolution and max pooling: each way gives what TensorFlow's own operation gives."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import stylize
from brushwork.network import operations
from brushwork.settings import Settings
from tests.helpers import tiny_networks

pytestmark = pytest.mark.numerical


def value_and_gradient(way, features, weights, *others):
    """The result of way(features, *others), and the gradient of its sum under some weights."""
    with tf.Graph().as_default(), tf.Session() as session:
        given = tf.placeholder(features.dtype, [None, None, None, features.shape[-1]])
        result = way(given, *(tf.constant(other) for other in others))
        gradient = tf.gradients(tf.reduce_sum(result * weights), given)[0]
        return session.run([result, gradient], {given: features})


@pytest.mark.parametrize("size", [(5, 8), (1, 1), (2, 3)], ids=str)
def test_a_turned_convolution_is_the_convolution(random, size):
    features, kernel = random.normal(size=(2, *size, 3)), random.normal(size=(3, 3, 3, 4))
    weights = random.normal(size=(2, *size, 4))
    turned, plain = (
        value_and_gradient(way, features, weights, kernel)
        for way in (operations.turned_convolution, operations.plain_convolution)
    )
    for one, other in zip(turned, plain, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)  # sums of 36 products of about 1, in float64: 36 x 2e-16


def test_a_turned_convolution_knows_its_channels():
    with tf.Graph().as_default():
        features = tf.placeholder(tf.float32, [1, None, None, 3])
        assert operations.turned_convolution(features, tf.ones([3, 3, 3, 4])).shape.as_list() == [1, None, None, 4]


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (1, 1), (1, 4)], ids=str)
def test_compared_pooling_is_max_pooling(random, size):
    features = random.permutation(2 * size[0] * size[1] * 3).reshape(2, *size, 3) - 20.0  # no two are equal
    weights = random.normal(size=(2, -(-size[0] // 2), -(-size[1] // 2), 3))
    compared, plain = (
        value_and_gradient(way, features, weights) for way in (operations.compared_max_pool, operations.plain_max_pool)
    )
    for one, other in zip(compared, plain, strict=True):
        np.testing.assert_array_equal(one, other)


def test_equal_cells_share_the_gradient():
    features = np.array([[7, 7, 1, 5], [7, 3, 5, 5], [2, 2, 0, 0]], np.float32).reshape(1, 3, 4, 1)
    weights = np.array([[3, 6], [8, 10]], np.float32).reshape(1, 2, 2, 1)
    maxima, gradient = value_and_gradient(operations.compared_max_pool, features, weights)
    np.testing.assert_array_equal(maxima[0, :, :, 0], [[7, 5], [2, 0]])
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[1, 1, 0, 2], [1, 0, 2, 2], [4, 4, 5, 5]])


@pytest.mark.parametrize("pays", [True, False])
def test_the_faster_way_is_taken(monkeypatch, random, pays):
    taken = []

    def remember(name, result):
        return lambda *given: taken.append(name) or result

    for name in ("turned_convolution", "plain_convolution", "compared_max_pool", "plain_max_pool"):
        monkeypatch.setattr(operations, name, remember(name, None))
    for name in ("turning_pays", "comparing_pays"):
        monkeypatch.setattr(operations, name, lambda: pays)
    with tf.Graph().as_default():
        for dtype in (tf.float32, tf.bfloat16):
            kernels = operations.fastest(dtype, "max")
            operations.convolution(tf.zeros([1, 2, 2, 1], dtype), tf.zeros([3, 3, 1, 1], dtype), kernels)
        operations.max_pool(tf.zeros([1, 2, 2, 1]), kernels)
    first, pooling = ("turned", "compared") if pays else ("plain", "plain")
    assert taken == [f"{first}_convolution", "plain_convolution", f"{pooling}_max_pool"]
    assert operations.fastest(tf.float32, "avg") == (pays, False)


def test_a_deterministic_objective_makes_no_trials(monkeypatch, tiny):
    def trial():
        raise AssertionError("a trial")

    for name in ("turning_pays", "comparing_pays"):
        monkeypatch.setattr(operations, name, trial)
    settings = Settings(**tiny_networks.FEW_LAYERS)
    with pytest.raises(AssertionError, match="a trial"):
        stylize.make_objective(tiny, settings)
    image = np.full((9, 9, 3), 99, np.float32)
    with stylize.make_objective(tiny, replace(settings, deterministic=True)) as objective:
        objective.set_targets(image, [image])
        assert objective.evaluate(image)[0]["total"] == 0


def test_each_way_is_tried_once_in_a_process(monkeypatch):
    tried = []
    monkeypatch.setattr(operations, "is_faster", lambda *given: tried.append(given) or True)
    for question in (operations.turning_pays, operations.comparing_pays):
        question.cache_clear()
        try:
            assert question() is question() is True
        finally:
            question.cache_clear()
    assert len(tried) == 2
