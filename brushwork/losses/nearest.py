"""The nearest-feature loss: each position of the image takes after the position of the style most similar to it.

For a layer with features F_i of the image and S_j of the style,

    L = mean over i of (1 - max over j of u_i v_j),  u_i = (F_i - m) / |F_i - m|,  v_j = (S_j - m) / |S_j - m|,

where m is the mean of the style's features. The maximum is searched in each evaluation. By the envelope theorem its
gradient is that of the chosen pair. So the loss is a sum over positions, and nothing is kept between evaluations.

Beside another style loss it counts in the finest scales only. A search that begins with nothing places forms by chance
and loses faces. Once the other loss has placed them, it draws them with strokes.

Sources: Kolkin et al. 2022, Neural Neighbor Style Transfer (arXiv:2203.13215), after Li and Wand 2016 and Mechrez et
al. 2018. They match the concatenation of all layers and keep each match for a number of steps; here each layer is
matched by itself, in every step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Total
from brushwork.engine.term import Constant, Field, Measure, Pixels, Term
from brushwork.network.layers import stride
from brushwork.pictures import sizes
from brushwork.pictures.masks import Masks, average_pool
from brushwork.settings import NEAREST_ENTRIES, nearest_step

BLOCK = 1024  # positions that are searched for at a time, so that their similarities stay in the processor's cache
SMALL = 1e-8  # added to squared lengths, so that a vector of zeros has a direction: none


@dataclass(frozen=True)
class Nearest(Term):
    """The nearest-feature loss of some layers.

    The style enters as a dictionary of unit vectors for each layer: of one style for each mask, or without style masks
    of all styles together, each with entries in proportion to its blend weight.

    Every second position in both directions is compared, in the image and in the styles alike, and every position of
    layers whose positions are 8 px or more from each other. The receptive fields of the compared positions overlap, so
    every pixel is seen. Tiles begin at multiples of 8 px, so a picture in tiles compares the same positions.
    """

    weights: Mapping[str, float]  # {layer: weight}
    blend: Callable[[int], Sequence[float]]  # number of styles -> their weights, which sum to 1
    mask_count: int = 0  # of style masks; 0: each style applies everywhere
    margin: float = 0.0  # share of a style's width and height that is left out at each side, unless masks say
    entries: int = NEAREST_ENTRIES  # of a dictionary, at most
    smallest_share: float = 0.0  # of the final picture's width; in smaller scales the loss is 0

    name = "nearest"

    @property
    def layers(self) -> list[str]:
        return list(self.weights)

    def inputs(self, channels: Mapping[str, int]) -> Mapping:
        count = range(self.mask_count or 1)
        return {
            "dictionary": {layer: [Constant((None, channels[layer])) for _ in count] for layer in self.layers},
            "mean": {layer: [Constant((channels[layer],)) for _ in count] for layer in self.layers},
            "mask": {layer: Field(self.mask_count, layer) for layer in self.layers if self.mask_count},
            "counts": Constant(),  # 1, or 0 in scales in which the loss does not count
        }

    def targets(
        self, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks, measure: Measure
    ) -> Mapping[str, dict]:
        if not masks.sources:
            styles = [sizes.crop_margin(style, self.margin) for style in styles]
        sources, shares = masks.sources or [None] * len(styles), self.blend(len(styles))
        features = [measure.features(style) for style in styles]
        counts = measure.share >= self.smallest_share
        targets = {"dictionary": {}, "mean": {}, "mask": {}, "counts": float(counts)}
        for layer in self.layers:
            found = [counted(each[layer], source, layer) for each, source in zip(features, sources, strict=True)]
            groups = [([each], [1.0]) for each in found] if self.mask_count else [(found, shares)]
            pairs = [dictionary(group, weights, self.entries) for group, weights in groups]
            if not counts:  # then nothing is to be searched
                pairs = [(vectors[:1], mean) for vectors, mean in pairs]
            targets["dictionary"][layer], targets["mean"][layer] = map(list, zip(*pairs, strict=True))
            if self.mask_count:
                targets["mask"][layer] = np.stack([average_pool(mask, stride(layer)) for mask in masks.styles], axis=-1)
        return targets

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> dict[str, list[Total]]:
        """{layer: the Total of m (1 - u v) under each mask m}."""
        sums = {}
        for layer in self.layers:
            step = nearest_step(layer)
            positions, weights = _on_grid(features[layer], step), [None]
            if self.mask_count:
                weights = tf.unstack(_on_grid(inputs["mask"][layer], step), axis=1)
            each = zip(inputs["dictionary"][layer], inputs["mean"][layer], weights, strict=True)
            sums[layer] = [_dissimilarity(positions, *of_a_mask) for of_a_mask in each]
        return sums

    def losses(self, sums: Mapping[str, list[Total]], inputs: Mapping) -> dict[str, tf.Tensor]:
        shares, losses = self.blend(self.mask_count) if self.mask_count else (1.0,), {}
        for layer, weight in self.weights.items():
            means = [total.sum / tf.maximum(total.count, SMALL) for total in sums[layer]]
            parts = [share * mean for share, mean in zip(shares, means, strict=True)]
            losses[f"nearest/{layer}"] = inputs["counts"] * weight * tf.add_n(parts)
        return losses


def _on_grid(array, step):
    """Every step-th position of an array [h, w, channels] in both directions: [n, channels]."""
    return tf.reshape(array[::step, ::step], [-1, array.shape[-1]])


def _dissimilarity(positions, dictionary, mean, weights):
    """The Total of m (1 - u v) over positions [n, C], for a dictionary [entries, C], a mean [C] and weights m, [n]."""
    # The search is in the network's precision, the value of what it finds in float32 at least.
    units = _unit(tf.cast(positions, mean.dtype) - mean)
    searched = [tf.stop_gradient(tf.cast(each, positions.dtype)) for each in (units, dictionary)]
    nearest = tf.gather(dictionary, _most_similar(*searched))
    errors = 1 - tf.reduce_sum(units * nearest, axis=1)
    weights = tf.ones_like(errors) if weights is None else weights
    return Total(tf.reduce_sum(weights * errors), tf.reduce_sum(weights))


def _most_similar(units, dictionary):
    """The index of the most similar entry of a dictionary [entries, C] for each of the units [n, C]: int64 [n]."""
    count = tf.shape(units)[0]
    padded = tf.pad(units, [[0, -count % BLOCK], [0, 0]])

    def search(block):
        return tf.argmax(tf.matmul(block, dictionary, transpose_b=True), axis=1)

    blocks = tf.reshape(padded, [-1, BLOCK, units.shape[-1]])
    return tf.reshape(tf.map_fn(search, blocks, fn_output_signature=tf.int64, parallel_iterations=1), [-1])[:count]


def _unit(vectors):
    """Vectors [n, C] divided by their lengths."""
    return vectors * tf.math.rsqrt(tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True) + SMALL)


def counted(features: np.ndarray, source: np.ndarray | None, layer: str) -> tuple[np.ndarray, np.ndarray]:
    """(all positions of a style that count, those that are compared): float32 [n, C] each, for features [h, w, C].

    source: [H, W], 0..1, over the style picture; positions count where it is at least a half, or at its greatest.
    """
    features = features.astype(np.float32) if features.dtype.itemsize < 4 else features
    counts = np.ones(features.shape[:2], bool)
    if source is not None:
        pooled = average_pool(source, stride(layer))
        counts = pooled >= min(0.5, pooled.max())
    grid = np.zeros_like(counts)
    grid[:: nearest_step(layer), :: nearest_step(layer)] = True
    grid = grid & counts if (grid & counts).any() else counts
    return features[counts], features[grid]


def dictionary(
    styles: Sequence[tuple[np.ndarray, np.ndarray]], weights: Sequence[float], entries: int
) -> tuple[np.ndarray, np.ndarray]:
    """(unit vectors [at most `entries`, C], mean [C]) of styles: for each what `counted` returns, and a weight.

    The weights sum to 1. A style has entries in proportion to its weight, spread over its positions by chance.
    """
    mean = np.sum([weight * every.mean(axis=0) for (every, _), weight in zip(styles, weights, strict=True)], axis=0)
    # So many for a weight of 1 that no style has to give more than it has.
    most = min([entries, *(len(some) / weight for (_, some), weight in zip(styles, weights, strict=True) if weight)])
    parts = []
    for (_, some), weight in zip(styles, weights, strict=True):
        order = np.random.default_rng(0).permutation(len(some))[: max(1, round(most * weight)) if weight else 0]
        parts.append(some[np.sort(order)])
    centred = np.concatenate(parts) - mean
    return centred / np.sqrt(np.square(centred).sum(axis=1, keepdims=True) + SMALL), mean
