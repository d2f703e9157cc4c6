"""3x3 convolutions with a quarter of the multiplications: Winograd's minimal filtering F(4x4, 3x3).

Lavin and Gray 2016, equation 8: Y = A'[(G g G') * (B' d B)]A for tiles d of 6x6 pixels and Y of 4x4. The matrices are
those of Cook and Toom for polynomials known at five points and infinity; the points are those of Barabasz et al. 2020,
with which the results are three times as exact as with the usual 0, 1, -1, 2, -2.
"""

import numpy as np
import tensorflow.compat.v1 as tf

import layers

POINTS = 0.0, 1.0, -1.0, 0.5, -2.0
OUT, TAPS = 4, 3
SIDE = OUT + TAPS - 1


def pays(kernel):
    """Whether convolutions with a kernel [3, 3, in, out] are faster so: on a processor, between many channels.

    Two to three times as fast between 256 and 512 of them; between 128 the copies take what the products save.
    """
    return min(kernel.shape[2:]) >= layers.WIDE and not tf.config.list_physical_devices("GPU")


def transformed(kernel):
    """What `convolution` takes instead of a kernel [3, 3, in, out]: an array [36, in, out] of the same type."""
    filters = np.kron(_FILTER, _FILTER).astype(kernel.dtype)
    return (filters @ kernel.reshape(TAPS**2, -1)).reshape(SIDE**2, *kernel.shape[2:])


def convolution(features, kernel, origin=(0, 0)):
    """The convolution of features [N, H, W, in] with a transformed kernel, [N, H, W, out], zero padding (SAME).

    It has a gradient with respect to the features, not to the kernel.
    origin: (top, left) of the features within larger ones, integers or scalar tensors. What is computed in tiles is
    then rounded as the whole is: which of its 4x4 pixels a place is decides how.
    """
    offset = [tf.convert_to_tensor(start) % OUT for start in origin]

    @tf.custom_gradient
    def convolved(features, kernel):
        def gradient(upstream):
            return _correlation(upstream, kernel, offset, _DATA_BACK, _RESULT_BACK, adjoint=True), None

        return _correlation(features, kernel, offset, _DATA, _RESULT, adjoint=False), gradient

    return convolved(features, tf.convert_to_tensor(kernel))


def _correlation(features, kernel, offset, data, result, *, adjoint):
    data, result = (tf.constant(np.kron(matrix, matrix), features.dtype) for matrix in (data, result))
    count, height, width = tf.unstack(tf.shape(features)[:3])
    bottom, right = offset[0] + height, offset[1] + width
    down, across = (bottom + OUT - 1) // OUT, (right + OUT - 1) // OUT  # tiles
    rows, columns = (1 + offset[0], down * OUT - bottom + 1), (1 + offset[1], across * OUT - right + 1)
    padding = [(0, 0), rows, columns, (0, 0)]
    pixels = _tiles(tf.pad(features, padding), count, down, across)
    values = tf.matmul(data, tf.reshape(pixels, [SIDE**2, -1]))
    values = tf.reshape(values, [SIDE**2, -1, features.shape[-1]])
    products = tf.matmul(values, kernel, transpose_b=adjoint)
    channels = kernel.shape[1 if adjoint else 2]
    pixels = tf.matmul(result, tf.reshape(products, [SIDE**2, -1]))
    pixels = tf.reshape(pixels, [OUT, OUT, count, down, across, channels])
    pixels = tf.reshape(tf.transpose(pixels, [2, 3, 0, 4, 1, 5]), [count, down * OUT, across * OUT, channels])
    convolved = pixels[:, offset[0] : bottom, offset[1] : right]
    convolved.set_shape([*features.shape[:3], channels])
    return convolved


def _tiles(padded, count, down, across):
    """[36, tiles, channels]: the pixels of overlapping tiles, four apart, each place in the tile by itself."""
    place = tf.range(SIDE)
    shape = tf.shape(padded)
    pictures = tf.range(count) * shape[1]
    rows = (place[:, np.newaxis, np.newaxis] + pictures[:, np.newaxis] + OUT * tf.range(down)) * shape[2]
    columns = place[:, np.newaxis] + OUT * tf.range(across)
    index = tf.reshape(rows, [SIDE, 1, -1, 1]) + columns[np.newaxis, :, np.newaxis]
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

    A polynomial with its coefficients turned round has at 1/p the value that the other has at p, over p^2. So what is
    known at p = 0, .., infinity is known at infinity, .., 0; the factors go to the data.
    """
    zero, *rest = points
    if zero:
        raise ValueError("the first point must be 0, the counterpart of infinity")
    data, filters, result = _matrices((0.0, *(1 / point for point in rest)))
    order = [len(points), *range(1, len(points)), 0]
    turned = filters[order][:, ::-1]
    factors = (turned * filter_forward).sum(axis=1) / np.square(filter_forward).sum(axis=1)
    return factors[:, np.newaxis] * data[order], result[:, order]


_DATA, _FILTER, _RESULT = _matrices(POINTS)
_DATA_BACK, _RESULT_BACK = _matrices_back(POINTS, _FILTER)
