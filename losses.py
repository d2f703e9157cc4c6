"""The terms of the loss: what is summed over the positions of a layer, as tensors, and what is made of the sums.

A sum over the picture is the sum of its tiles' sums; that is why these are sums and not yet means.
"""

import numpy as np
import tensorflow.compat.v1 as tf

BAND = 64  # rows of a picture


def gram_sums(features, masks=None):
    """sum of m_k F F' over the positions, [K, C, C], for features [h, w, C] and masks [h, w, K]; None: one of ones.

    Equation 3 of Gatys et al. 2015. The gradient is sum over k of m_k F (D_k + D_k') with D_k that of the sum: one
    product for each, where automatic differentiation makes two. The sums are float32 for features of bfloat16.
    """
    if masks is not None:
        masks = tf.cast(tf.reshape(masks, [-1, masks.shape[-1]]), features.dtype)

    @tf.custom_gradient
    def sums(positions):
        weighted = [positions]
        if masks is not None:
            weighted = [positions * masks[:, index, tf.newaxis] for index in range(masks.shape[-1])]

        def gradient(upstream):
            symmetric = tf.cast(upstream + tf.transpose(upstream, [0, 2, 1]), positions.dtype)
            return tf.add_n([tf.matmul(part, symmetric[index]) for index, part in enumerate(weighted)])

        return _exact(tf.stack([tf.matmul(part, positions, transpose_a=True) for part in weighted])), gradient

    return sums(tf.reshape(features, [-1, features.shape[-1]]))


def squared_error(features, target, roots=None):
    """sum(m (F - P)^2) over all positions and channels: equation 1 of Gatys et al. 2015, without its half.

    roots: the square roots of a mask m, [h, w, 1]; None: one of ones.
    """
    difference = _exact(features) - _exact(target)
    return 2 * tf.nn.l2_loss(difference if roots is None else difference * roots)


def _exact(tensor):
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor


def style_loss(gram, target):
    """mean((G - A)^2) of arrays or tensors [K, C, C], G = F'F / (h w C): [K].

    Equation 4 of Gatys et al. 2015, normalised.
    """
    if isinstance(gram, tf.Tensor):
        return tf.reduce_mean(tf.math.squared_difference(gram, target), axis=(1, 2))
    return np.mean(np.square(gram - target), axis=(1, 2))


def style_gradient(gram, target):
    """The gradient of each `style_loss` with respect to G, of arrays or tensors [K, C, C]."""
    return (gram - target) * (2 / int(gram.shape[-1]) ** 2)


def total_variation(image, gradient, weight=1.0):
    """mean(dy^2) + mean(dx^2) over the first differences of an array [H, W, 3]; an empty mean is 0.

    weight times its gradient is added to `gradient`: one array less to be written.
    """
    height, width, channels = image.shape
    counts = max(1, (height - 1) * width * channels), max(1, height * (width - 1) * channels)

    def term(difference, axis):
        loss = float(np.vdot(difference, difference)) / counts[axis]
        difference *= 2 * weight / counts[axis]
        return loss, difference

    return _over_differences(image, term, gradient)


def absolute_variation(image, gradient, weight=1.0):
    """sum(|dy|) + sum(|dx|) over the first differences of an array [H, W, 3], on a scale of 0..1.

    weight times its gradient is added to `gradient`. That of tf.image.total_variation (Rudin, Osher and Fatemi 1992, of
    each direction on its own).
    """

    def term(difference, _):
        return float(np.abs(difference).sum(dtype=np.float64)) / 255, np.sign(difference) * (weight / 255)

    return _over_differences(image, term, gradient)


def _over_differences(image, term, gradient):
    """The sum of term(differences, axis) -> (loss, its gradient) over both axes; its gradient is added to `gradient`.

    In NumPy, since the gradient of a slice costs TensorFlow ten times as much; in bands, which fit the cache.
    """
    loss = 0.0
    for top in range(0, len(image), BAND):
        for axis, bottom in ((0, top + BAND + 1), (1, top + BAND)):
            with np.errstate(all="ignore"):  # a loss that is not finite tells itself
                part, slope = term(np.diff(image[top:bottom], axis=axis), axis)
            loss += part
            along, slope = (np.moveaxis(array, axis, 0) for array in (gradient[top:bottom], slope))  # views
            along[1:] += slope
            along[:-1] -= slope
    return loss


VARIATIONS = {"squares": total_variation, "absolute": absolute_variation}
