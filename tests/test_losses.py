"""The terms of the loss, by hand and by finite differences."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import losses


def run(function, *arrays):
    """The value of a function of tensors for arrays."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(*map(tf.constant, arrays)))


def test_squared_error_by_hand():
    features = np.zeros((2, 2, 2))
    features[0, 0] = 3, 4
    assert run(losses.squared_error, features, np.zeros((2, 2, 2))) == pytest.approx(25)


def test_masked_squared_error_by_hand():
    features, roots = np.zeros((2, 2, 2)), np.sqrt([[[0.5], [1]], [[0], [1]]])
    features[0, 0], features[1, 0], features[1, 1] = (3, 4), (100, 100), (1, 2)
    value = run(lambda *tensors: losses.squared_error(tensors[0], tensors[0] * 0, tensors[1]), features, roots)
    assert value == pytest.approx(0.5 * 25 + 5)


def test_gram_sums_by_hand():
    # Two positions of two channels: F'F = [[1+9, 2+12], [2+12, 4+16]].
    features = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])
    np.testing.assert_allclose(run(losses.gram_sums, features), [[[10, 14], [14, 20]]])
    masks = np.array([[[1.0, 0.0]], [[0.0, 0.5]]])
    np.testing.assert_allclose(run(losses.gram_sums, features, masks), [[[1, 2], [2, 4]], [[4.5, 6], [6, 8]]])


def test_style_loss_by_hand():
    gram = np.array([[[1.0, 2.0], [2.0, 5.0]], [[1.0, 0.0], [0.0, 3.0]]])
    np.testing.assert_allclose(losses.style_loss(gram, np.eye(2)), [(4 + 4 + 16) / 4, 4 / 4])
    np.testing.assert_allclose(losses.style_gradient(gram, np.eye(2)), [[[0, 1], [1, 2]], [[0, 0], [0, 1]]])


@pytest.mark.parametrize("count", [None, 1, 2])
def test_gram_gradient_is_that_of_automatic_differentiation(random, count):
    features, upstream = random.normal(0, 1, (3, 4, 5)), random.normal(0, 1, (count or 1, 5, 5))
    masks = [] if count is None else [random.uniform(0, 1, (3, 4, count))]

    def plain(tensor, masks=None):
        flat = tf.reshape(tensor, [-1, 5])
        weights = tf.ones([12, 1], tf.float64) if masks is None else tf.reshape(masks, [12, -1])
        return tf.einsum("pk,pc,pd->kcd", weights, flat, flat)

    def gradient(function):
        return lambda tensor, *masks: tf.gradients(function(tensor, *masks), tensor, upstream)[0]

    np.testing.assert_allclose(run(plain, features, *masks), run(losses.gram_sums, features, *masks), rtol=1e-12)
    ours, expected = (run(gradient(function), features, *masks) for function in (losses.gram_sums, plain))
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_sums_of_bfloat16_are_float32(random):
    features = random.normal(0, 1, (4, 5, 3))
    for function in (losses.gram_sums, lambda tensor: losses.squared_error(tensor, tf.zeros_like(tensor))):
        value = run(lambda tensor, function=function: function(tf.cast(tensor, tf.bfloat16)), features)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, run(function, features), rtol=0.05, atol=0.5)


def variation(image, norm="squares", weight=1.0):
    """(the variation of an image, its gradient)."""
    gradient = np.full_like(image, 3.0)
    loss = losses.VARIATIONS[norm](image, gradient, weight)
    return loss, gradient - 3.0  # it is added


def test_total_variation_by_hand():
    image = np.zeros((2, 3, 1))
    image[0, 1] = 6
    # Three vertical differences, one of them 6; four horizontal ones, two of them 6.
    loss, gradient = variation(image)
    assert loss == pytest.approx(36 / 3 + 72 / 4)
    assert gradient[0, 1, 0] == pytest.approx(2 * 6 / 3 + 2 * 2 * 6 / 4)
    assert gradient[1, 1, 0] == pytest.approx(-2 * 6 / 3)
    assert gradient[0, 0, 0] == pytest.approx(-2 * 6 / 4)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_total_variation_of_a_line(size):
    loss, gradient = variation(np.full((*size, 3), 7.0))
    assert loss == 0
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("height", [6, 63, 64, 65, 130])
@pytest.mark.parametrize("norm", losses.VARIATIONS)
def test_variation_gradient(random, height, norm):
    image, direction = random.normal(0, 50, (2, height, 5, 3))
    ahead, behind = (variation(image + step * direction, norm)[0] for step in (1e-5, -1e-5))
    loss, gradient = variation(image, norm)
    np.testing.assert_allclose(variation(image, norm, 7.0)[1], 7 * gradient, atol=1e-12)
    down, right = np.diff(image, axis=0), np.diff(image, axis=1)
    expected = {
        "squares": np.mean(down**2) + np.mean(right**2),
        "absolute": (np.abs(down).sum() + np.abs(right).sum()) / 255,
    }
    assert loss == pytest.approx(expected[norm])
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)
