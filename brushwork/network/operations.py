"""The network's convolution and max pooling, each by the fastest of TensorFlow's operations on this machine.

TensorFlow has one set of kernels from oneDNN and one from Eigen, and each has its weak ones: on a processor with AVX2,
oneDNN's gradient of a convolution runs four times as fast as its convolution, although it is the same computation, and
Eigen's gradient of max pooling takes three times as long as comparing each cell with the maximum of its window.

The operations differ in rounding, and on a busy machine trials may end differently. So the pictures of two runs may
differ, unless the operations are fixed.
"""

import functools
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from brushwork.network.autotune import is_faster

TRIAL = 1, 32, 64, 128  # [N, H, W, C] of the features in the trials


class Kernels(NamedTuple):
    """Which operations compute the network."""

    turned: bool = False  # `turned_convolution` in float32
    compared: bool = False  # `compared_max_pool`


def fastest(dtype: tf.DType, pooling: str) -> Kernels:
    """The Kernels that are fastest on this machine for features of a type, with "max" or "avg" pooling."""
    return Kernels(dtype == tf.float32 and turning_pays(), pooling == "max" and comparing_pays())


def convolution(features: tf.Tensor, kernel: tf.Tensor, kernels: Kernels = Kernels()) -> tf.Tensor:  # noqa: B008
    """Convolve features [N, H, W, in] with a kernel [3, 3, in, out], zero padding (SAME): [N, H, W, out]."""
    return (turned_convolution if kernels.turned else plain_convolution)(features, kernel)


def max_pool(features: tf.Tensor, kernels: Kernels = Kernels()) -> tf.Tensor:  # noqa: B008
    """The maximum of each 2x2 window of features [N, H, W, C]: [N, ceil(H / 2), ceil(W / 2), C]."""
    return (compared_max_pool if kernels.compared else plain_max_pool)(features)


@functools.cache
def turning_pays() -> bool:
    """Whether `turned_convolution` is the faster one in float32."""
    shape = 3, 3, TRIAL[-1], TRIAL[-1]

    def with_some_kernel(way):  # not a constant one, which would be prepared once
        return lambda features: way(features, tf.stop_gradient(tf.random_uniform(shape, seed=0)))

    return is_faster(with_some_kernel(turned_convolution), with_some_kernel(plain_convolution), TRIAL)


@functools.cache
def comparing_pays() -> bool:
    """Whether `compared_max_pool` is the faster one."""
    return is_faster(compared_max_pool, plain_max_pool, TRIAL)


def plain_convolution(features: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`convolution` as TensorFlow's operation of that name."""
    return tf.nn.conv2d(features, kernel, strides=1, padding="SAME")


def turned_convolution(features: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`convolution` as the gradient of the convolution with the kernel turned by 180 degrees, in and out exchanged.

    Differentiable with respect to the features only.
    """
    kernel = tf.convert_to_tensor(kernel)

    def back(upstream, kernel):  # the gradient of `plain_convolution` with respect to the features
        shape = tf.concat([tf.shape(upstream)[:3], [kernel.shape[2]]], axis=0)
        result = tf.nn.conv2d_transpose(upstream, kernel, shape, strides=1, padding="SAME")
        result.set_shape([*upstream.shape[:3], kernel.shape[2]])
        return result

    @tf.custom_gradient
    def convolved(features):
        turned = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2])
        return back(features, turned), lambda upstream: back(upstream, kernel)

    return convolved(features)


def plain_max_pool(features: tf.Tensor) -> tf.Tensor:
    """`max_pool` as TensorFlow's operation. Of equal cells in a window, one gets the gradient."""
    return tf.nn.max_pool2d(features, ksize=2, strides=2, padding="SAME")


def compared_max_pool(features: tf.Tensor) -> tf.Tensor:
    """`max_pool` with a gradient by comparison. Equal cells in a window share it."""

    @tf.custom_gradient
    def pooled(features):
        maxima = plain_max_pool(features)
        return maxima, lambda upstream: _shared_among_maxima(upstream, features, maxima)

    return pooled(features)


def _shared_among_maxima(upstream, features, maxima):
    """The gradient of features [N, H, W, C] from that of their maxima, [N, ceil(H / 2), ceil(W / 2), C]."""
    sides, channels = tf.shape(features)[1:3], features.shape[-1]
    down, across = (sides[0] + 1) // 2, (sides[1] + 1) // 2
    odd = [[0, 0], [0, 2 * down - sides[0]], [0, 2 * across - sides[1]], [0, 0]]
    even = tf.pad(features, odd, constant_values=features.dtype.min)
    windows = tf.reshape(even, [-1, down, 2, across, 2, channels])
    chosen = tf.cast(tf.equal(windows, maxima[:, :, tf.newaxis, :, tf.newaxis]), features.dtype)
    count = 4 * tf.nn.avg_pool2d(tf.reshape(chosen, tf.shape(even)), ksize=2, strides=2, padding="VALID")
    gradient = chosen * (upstream / count)[:, :, tf.newaxis, :, tf.newaxis]
    return tf.reshape(gradient, tf.shape(even))[:, : sides[0], : sides[1]]
