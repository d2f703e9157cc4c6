"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering F(4x4, 3x3).

Lavin and Gray 2016, equation 8: Y = A'[(G g G') * (B' d B)]A for overlapping blocks d of 6x6 pixels, four apart, and
Y of 4x4. The matrices are those of Cook and Toom for polynomials known at five points and infinity. The points are of
the kind that Barabasz et al. 2020 find good, with -1/p beside p: the error is two thirds of that with the usual
0, 1, -1, 2, -2.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from layers import is_wide

POINTS = 0.0, 1.0, -1.0, 0.5, -2.0
OUT, TAPS = 4, 3
SIDE = OUT + TAPS - 1


def pays(kernel):
    """Whether convolutions with a kernel [3, 3, in, out] are faster so: on a processor, between many channels.

    Two to three times as fast between 256 and 512 of them; between 128 the copies take what the products save.
    """
    return is_wide(kernel) and not tf.config.list_physical_devices("GPU")


def transformed(kernel):
    """What `convolution` takes instead of a kernel [3, 3, in, out]: a tensor [36, in, out] of the same type."""
    filters = tf.constant(np.kron(_FILTER, _FILTER), kernel.dtype)
    return tf.reshape(filters @ tf.reshape(kernel, [TAPS**2, -1]), [SIDE**2, *kernel.shape[2:]])


def convolution(features, kernel, origin=(0, 0)):
    """The convolution of features [N, H, W, in] with a transformed kernel, [N, H, W, out], zero padding (SAME).

    It has a gradient with respect to the features, not to the kernel.
    origin: (top, left) of the features within larger ones, integers or scalar tensors. What is computed in tiles is
    then rounded nearly as the whole is: which of its block's 4x4 pixels a place is decides how.
    """
    offset = [tf.convert_to_tensor(start) % OUT for start in origin]

    @tf.custom_gradient
    def convolved(features, kernel):
        def gradient(upstream):
            return _correlation(upstream, kernel, offset, _DATA_BACK, _RESULT_BACK, adjoint=True), None

        return _correlation(features, kernel, offset, _DATA, _RESULT, adjoint=False), gradient

    return convolved(features, tf.convert_to_tensor(kernel))


def _correlation(features, kernel, offset, data_matrix, result_matrix, *, adjoint):
    """`convolution`, or with `adjoint` its gradient, by matrices B' [6, 6] and A' [4, 6]."""
    to_values, to_pixels = (
        tf.constant(np.kron(matrix, matrix), features.dtype) for matrix in (data_matrix, result_matrix)
    )
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
    convolved = tf.reshape(pixels, [count, down * OUT, across * OUT, channels])
    convolved = convolved[:, offset[0] : bottom, offset[1] : right]
    convolved.set_shape([*features.shape[:3], channels])
    return convolved


def _blocks(padded, count, down, across):
    """[36, blocks, channels]: the pixels of overlapping blocks, each place in the block by itself."""
    place = tf.range(SIDE)
    shape = tf.shape(padded)
    pictures = tf.range(count) * shape[1]
    rows = (place[:, np.newaxis, np.newaxis] + pictures[:, np.newaxis] + OUT * tf.range(down)) * shape[2]
    columns = place[:, np.newaxis] + OUT * tf.range(across)
    index = tf.reshape(rows, [SIDE, 1, -1, 1]) + columns[np.newaxis, :, np.newaxis]  # [6, 6, count * down, across]
    return tf.gather(tf.reshape(padded, [-1, padded.shape[-1]]), tf.reshape(index, [SIDE**2, -1]))


def _matrices(points):
    """B', G and A': of the data [6, 6], of the filter [6, 3] and of the result [4, 6]."""
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
    """B' and A' of the gradient, a convolution with the kernel turned round, for the same transformed kernel.

    The first point is 0, the counterpart of infinity.
    A polynomial with its coefficients turned round has at 1/p the value that the other has at p, over p^2. So what is
    known at p = 0, .., infinity is known at infinity, .., 0; the factors go to the data.
    """
    data, filters, result = _matrices((0.0, *(1 / point for point in points[1:])))
    order = [len(points), *range(1, len(points)), 0]
    turned = filters[order][:, ::-1]
    factors = (turned * filter_forward).sum(axis=1) / np.square(filter_forward).sum(axis=1)
    return factors[:, np.newaxis] * data[order], result[:, order]


_DATA, _FILTER, _RESULT = _matrices(POINTS)
_DATA_BACK, _RESULT_BACK = _matrices_back(POINTS, _FILTER)
