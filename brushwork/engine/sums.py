"""Sums over the positions of a layer, or over the pixels of a picture: what the losses are made of.

The sums of a picture are those of its tiles, added up.
"""

from typing import NamedTuple

import tensorflow.compat.v1 as tf

from brushwork.engine.term import Pixels


class Moments(NamedTuple):
    """Sums over the positions of a layer with C channels, under each of K masks m."""

    count: tf.Tensor  # [K], sum of m
    first: tf.Tensor  # [K, C], sum of m F
    second: tf.Tensor  # [K, C, C], sum of m F F'


class Total(NamedTuple):
    """A sum, and the number of its summands."""

    sum: tf.Tensor
    count: tf.Tensor


def moments(features: tf.Tensor, masks: tf.Tensor | None = None) -> Moments:
    """The Moments of features [h, w, C] under masks [h, w, K], or under one that is 1 everywhere."""
    positions = tf.reshape(features, [-1, features.shape[-1]])  # [h w, C]
    values = exact(positions)
    if masks is None:
        count = tf.cast(tf.shape(positions)[:1], values.dtype)
        return Moments(count, tf.reduce_sum(values, axis=0, keepdims=True), _second_moments(positions, [None]))
    masks = tf.reshape(masks, [-1, masks.shape[-1]])  # [h w, K]
    columns = tf.unstack(tf.cast(masks, positions.dtype)[:, :, tf.newaxis], axis=1)
    # An error of the count, unlike those of the sums, does not average out over the entries of a Gram matrix.
    count = tf.cast(tf.reduce_sum(tf.cast(masks, tf.float64), axis=0), masks.dtype)
    first = tf.matmul(masks, values, transpose_a=True)
    return Moments(count, first, _second_moments(positions, columns))


def _second_moments(positions, masks):
    """sum of m F F' over positions [n, C] for each mask m, [n, 1] or None: [K, C, C].

    Its gradient, the sum of m F (D + D') over the masks for a derivative D of the loss, takes one matrix product for
    each mask. Automatic differentiation makes two; they take 10 to 19 % of an evaluation.
    """

    @tf.custom_gradient
    def second_moments(positions):
        weighted = [positions if mask is None else positions * mask for mask in masks]

        def gradient(upstream):
            symmetric = tf.cast(upstream + tf.transpose(upstream, [0, 2, 1]), positions.dtype)
            return tf.add_n([tf.matmul(part, symmetric[index]) for index, part in enumerate(weighted)])

        return exact(tf.stack([tf.matmul(part, positions, transpose_a=True) for part in weighted])), gradient

    return second_moments(positions)


def squared_error(features: tf.Tensor, target: tf.Tensor, mask: tf.Tensor | None = None) -> Total:
    """The Total of m (F - P)^2, for features and a target [h, w, C] and a mask [h, w, 1] or one of ones."""
    error = exact(features) - exact(target)
    return Total(2 * tf.nn.l2_loss(error if mask is None else error * tf.sqrt(mask)), count_of(error))


def neighbour_differences(pixels: Pixels) -> dict[str, tf.Tensor]:
    """x[i + 1] - x[i] of vertical and horizontal neighbours; each pair is in exactly one tile.

    Of a core [h, w, 3], "down" is [h or h - 1, w, 3] and "across" [h, w or w - 1, 3], on the scale 0..255.
    """
    height, width = tf.unstack(tf.shape(pixels.core)[:2])
    return {"down": _difference(pixels.extended[:, :width], 0), "across": _difference(pixels.extended[:height], 1)}


def _difference(image, axis):
    """x[i + 1] - x[i] along an axis of an image [H, W, 3]; its gradient by padding, five times as fast as by slices."""
    before, after = [[0, 0]] * 3, [[0, 0]] * 3
    before[axis], after[axis] = [1, 0], [0, 1]

    @tf.custom_gradient
    def difference(image):
        later, earlier = (image[1:], image[:-1]) if axis == 0 else (image[:, 1:], image[:, :-1])
        return later - earlier, lambda upstream: tf.pad(upstream, before) - tf.pad(upstream, after)

    return difference(image)


def count_of(tensor: tf.Tensor) -> tf.Tensor:
    """The number of a tensor's elements, a scalar of its type."""
    return tf.cast(tf.size(tensor, out_type=tf.int64), tensor.dtype)


def exact(tensor: tf.Tensor) -> tf.Tensor:
    """Sums are made in float32 at least, whatever the precision of the network."""
    return tf.cast(tensor, tf.float32) if tensor.dtype == tf.bfloat16 else tensor
