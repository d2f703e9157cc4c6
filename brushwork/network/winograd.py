"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering F(4x4, 3x3).

Lavin and Gray 2016, equation 8: Y = A'[(G g G') * (B' d B)]A maps overlapping blocks d of 6x6 pixels, 4 px apart, to
blocks Y of 4x4. The matrices are those of the Cook-Toom algorithm, which evaluates polynomials at POINTS and infinity.
The points contain -1/p beside p, as Barabasz et al. 2020 recommend; 0, 1, -1, 2, -2 have 1.5 times the rounding error.
"""

from collections.abc import Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.network.layers import is_wide

POINTS = 0.0, 1.0, -1.0, 0.5, -2.0
OUT, TAPS = 4, 3
SIDE = OUT + TAPS - 1


def pays(kernel: np.ndarray) -> bool:
    """Whether Winograd's method is faster for a kernel [3, 3, in, out]: on a CPU, between many channels.

    It takes half to two thirds of the time from 128 channels; with 64, copying the blocks costs what multiplying saves.
    """
    return is_wide(kernel) and not tf.config.list_physical_devices("GPU")


def transformed(kernel: tf.Tensor) -> tf.Tensor:
    """G g G' for a kernel g [3, 3, in, out]: a tensor [36, in, out] of the same type, the kernel of `convolution`."""
    filters = tf.constant(np.kron(_FILTER, _FILTER), kernel.dtype)
    return tf.reshape(filters @ tf.reshape(kernel, [TAPS**2, -1]), [SIDE**2, *kernel.shape[2:]])


def convolution(features: tf.Tensor, kernel: tf.Tensor, origin: Sequence = (0, 0)) -> tf.Tensor:
    """Convolve features [N, H, W, in] with a `transformed` kernel, zero padding (SAME); returns [N, H, W, out].

    Differentiable with respect to the features only. origin: (top, left) of the features in the array that they are a
    tile of, integers or scalar tensors: the tile is cut into the same blocks as the array, with nearly the same errors.
    """
    offset = [tf.convert_to_tensor(start) % OUT for start in origin]

    @tf.custom_gradient
    def convolved(features, kernel):
        def gradient(upstream):
            return _correlation(upstream, kernel, offset, _DATA_BACK, _RESULT_BACK, adjoint=True), None

        return _correlation(features, kernel, offset, _DATA, _RESULT, adjoint=False), gradient

    return convolved(features, tf.convert_to_tensor(kernel))


def _correlation(features, kernel, offset, data_matrix, result_matrix, *, adjoint):
    """`convolution`, or with `adjoint` its gradient, with the matrices B' [6, 6] and A' [4, 6]."""
    to_values = tf.constant(np.kron(data_matrix, data_matrix), features.dtype)
    to_pixels = tf.constant(np.kron(result_matrix, result_matrix), features.dtype)
    count, height, width = tf.unstack(tf.shape(features)[:3])
    bottom, right = offset[0] + height, offset[1] + width
    down, across = (bottom + OUT - 1) // OUT, (right + OUT - 1) // OUT  # blocks
    rows, columns = (1 + offset[0], down * OUT - bottom + 1), (1 + offset[1], across * OUT - right + 1)
    padded = tf.pad(features, [(0, 0), rows, columns, (0, 0)])
    blocks = _blocks(padded, count, down, across)  # [36, blocks, in]
    values = tf.reshape(to_values @ tf.reshape(blocks, [SIDE**2, -1]), [SIDE**2, -1, features.shape[-1]])
    products = tf.matmul(values, kernel, transpose_b=adjoint)  # [36, blocks, out]
    channels = kernel.shape[1 if adjoint else 2]
    pixels = to_pixels @ tf.reshape(products, [SIDE**2, -1])  # [16, blocks * out]
    pixels = tf.transpose(tf.reshape(pixels, [OUT, OUT, count, down, across, channels]), [2, 3, 0, 4, 1, 5])
    pixels = tf.reshape(pixels, [count, down * OUT, across * OUT, channels])
    convolved = pixels[:, offset[0] : bottom, offset[1] : right]
    convolved.set_shape([*features.shape[:3], channels])
    return convolved


def _blocks(padded, count, down, across):
    """[36, blocks, channels]: the pixels of the overlapping 6x6 blocks, sorted by their position in the block."""
    position, shape = tf.range(SIDE), tf.shape(padded)
    pictures = tf.range(count) * shape[1]
    rows = (position[:, np.newaxis, np.newaxis] + pictures[:, np.newaxis] + OUT * tf.range(down)) * shape[2]
    columns = position[:, np.newaxis] + OUT * tf.range(across)
    index = tf.reshape(rows, [SIDE, 1, -1, 1]) + columns[np.newaxis, :, np.newaxis]  # [6, 6, count * down, across]
    return tf.gather(tf.reshape(padded, [-1, padded.shape[-1]]), tf.reshape(index, [SIDE**2, -1]))


def _matrices(points):
    """The matrices B' [6, 6] of the data, G [6, 3] of the filter and A' [4, 6] of the result."""
    points = np.array(points)
    others = [np.delete(points, index) for index in range(len(points))]
    data = np.zeros([SIDE, SIDE])
    for row, roots in zip(data, [*others, points], strict=True):
        row[: len(roots) + 1] = np.poly(roots)[::-1]
    scale = [np.prod(point - other) for point, other in zip(points, others, strict=True)]

    def powers(count):
        return np.vstack([points[:, np.newaxis] ** np.arange(count), np.eye(count)[-1]])

    return data, powers(TAPS) / np.array([*scale, 1])[:, np.newaxis], powers(OUT).T


def _matrices_back(points, filter_forward):
    """B' and A' of the gradient, which is a convolution with the reversed kernel, for the same transformed kernel.

    A polynomial of degree 2 with its coefficients reversed has at 1/p the value of the original at p, over p^2. So the
    values of the kernel at the points p are, up to factors, those of the reversed kernel at the points 1/p, with 0 and
    infinity exchanged; the factors are moved into the data's matrix. The first point must be 0.
    """
    data, filters, result = _matrices((0.0, *(1 / point for point in points[1:])))
    order = [len(points), *range(1, len(points)), 0]
    turned = filters[order][:, ::-1]
    factors = (turned * filter_forward).sum(axis=1) / np.square(filter_forward).sum(axis=1)
    return factors[:, np.newaxis] * data[order], result[:, order]


_DATA, _FILTER, _RESULT = _matrices(POINTS)
_DATA_BACK, _RESULT_BACK = _matrices_back(POINTS, _FILTER)
