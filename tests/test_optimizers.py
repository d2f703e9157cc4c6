"""The optimisers, on functions whose course is known."""

from itertools import islice

import numpy as np
import tensorflow.compat.v1 as tf

import optimizers


def quadratic(image):
    """Half the squared distance from 100 with a curvature that grows from 1 to 3."""
    curvature = np.linspace(1, 3, image.size, dtype=image.dtype).reshape(image.shape)
    difference = image - 100
    return {"total": float((curvature * difference**2).sum() / 2)}, curvature * difference


def test_adam_by_hand():
    # The first step of Adam is the learning rate in every coordinate, against the gradient's sign.
    start = np.array([[[90.0, 110.0, 100.5]]], np.float32)
    path = optimizers.adam(quadratic, start, learning_rate=2, beta1=0.9, beta2=0.999, epsilon=1e-8)
    images = [image for image, _ in islice(path, 2)]
    np.testing.assert_array_equal(images[0], start)
    np.testing.assert_allclose(images[1], [[[92.0, 108.0, 98.5]]], rtol=1e-6)


def test_adam_is_tensorflows_own(random):
    start = random.uniform(0, 255, (5, 4, 3)).astype(np.float32)
    constants = {"learning_rate": 7, "beta1": 0.8, "beta2": 0.95, "epsilon": 0.1}
    path = [image for image, _ in islice(optimizers.adam(quadratic, start, **constants), 30)]
    with tf.Graph().as_default():
        variable = tf.Variable(start)
        curvature = np.linspace(1, 3, start.size, dtype=np.float32).reshape(start.shape)
        loss = tf.reduce_sum(curvature * tf.square(variable - 100)) / 2
        step = tf.train.AdamOptimizer(*constants.values()).minimize(loss)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            for image in path:
                np.testing.assert_allclose(image, session.run(variable), rtol=1e-5)
                session.run(step)


def test_one_evaluation_for_each_image():
    calls = []

    def evaluate(image):
        calls.append(image)
        return quadratic(image)

    path = optimizers.adam(evaluate, np.zeros((2, 2, 3), np.float32), learning_rate=1, beta1=0, beta2=0, epsilon=1)
    for count, (image, losses) in enumerate(islice(path, 5), start=1):
        assert len(calls) == count
        assert calls[-1] is image
        assert losses == quadratic(image)[0]


def test_images_are_not_overwritten(random):
    start = random.uniform(0, 255, (3, 3, 3)).astype(np.float32)
    first, copy = start, start.copy()
    path = optimizers.adam(quadratic, start, learning_rate=5, beta1=0.9, beta2=0.999, epsilon=1e-8)
    pairs = [(image, image.copy()) for image, _ in islice(path, 4)]
    np.testing.assert_array_equal(first, copy)
    for image, copy in pairs:
        np.testing.assert_array_equal(image, copy)
