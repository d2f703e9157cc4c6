"""The Wasserstein style loss: the distance between normal distributions of features.

The squared 2-Wasserstein distance of two normal distributions (Olkin and Pukelsheim 1982), with means m, t and
covariances S, T, is |m - t|^2 + tr(S + T - 2 (T^(1/2) S T^(1/2))^(1/2)). As a style loss it was used by Vincent
Marron (2017) and Katherine Crowson (2021).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Moments
from brushwork.engine.term import Constant
from brushwork.losses.matrix_sqrt import trace_sqrt
from brushwork.losses.style import StyleTerm

VARIANCE = 1e-4  # added to the variances of features, whose mean square is 1, so that the covariance is invertible
NOISE_VARIANCE = 1e-5  # what rounding leaves of a variance of zero


class Normal(NamedTuple):
    """The features of K styles as normal distributions, in units in which their mean square is 1."""

    scale: np.ndarray  # [K], the root mean square of the features
    mean: np.ndarray  # [K, C]
    trace: np.ndarray  # [K], of the covariance T, of which the principal components that are not noise are kept
    root: np.ndarray  # [K, C, r], L with L L' = T; its columns are orthogonal


@dataclass(frozen=True)
class Wasserstein(StyleTerm):
    """The squared Wasserstein distance of the image's features from those of the styles, per channel."""

    def target_inputs(self, channels: int) -> Normal:
        count = self.target_count
        return Normal(*map(Constant, ((count,), (count, channels), (count,), (count, channels, None))))

    def target(self, style: Moments) -> Normal:
        """The Normal of styles.

        Of the covariance the r principal components that are not noise are kept: fewer than C where the style picture
        has few positions. VARIANCE is added to each.
        """
        channels = style.second.shape[-1]
        square = np.trace(style.second, axis1=1, axis2=2) / channels
        square = np.where(square > 0, square, 1)
        mean = style.first / np.sqrt(square)[:, np.newaxis]
        covariance = style.second / square[:, np.newaxis, np.newaxis] - mean[:, :, np.newaxis] * mean[:, np.newaxis]
        variances, components = np.linalg.eigh(covariance)  # in ascending order
        count = (variances > NOISE_VARIANCE).sum(axis=1).max()
        variances = np.maximum(variances[:, channels - count :], 0) + VARIANCE
        root = components[:, :, channels - count :] * np.sqrt(variances)[:, np.newaxis]
        return Normal(np.sqrt(square), mean, variances.sum(axis=1), root)

    def distances(self, sums: Mapping[str, Moments], targets: Mapping[str, Normal]) -> dict[str, tf.Tensor]:
        """{layer: |m - t|^2 + tr(S + T - 2 (L' S L)^(1/2)), divided by the number of channels, [K]}.

        m and S are the mean and the covariance of the image's features, t and T = L L' those of the style, all in the
        units of the style's Normal. VARIANCE is added to S as to T.
        """
        distances, products = {}, {}
        for layer, target in targets.items():
            image, weight = sums[layer], 1 / (sums[layer].count * target.scale)
            mean = weight[:, tf.newaxis] * image.first
            second = (weight / target.scale)[:, tf.newaxis, tf.newaxis] * image.second
            covariance = second - mean[:, :, tf.newaxis] * mean[:, tf.newaxis]
            variances = VARIANCE * tf.reduce_sum(tf.square(target.root), axis=1)
            products[layer] = tf.matmul(target.root, covariance @ target.root, transpose_a=True)
            products[layer] += tf.linalg.diag(variances)
            distances[layer] = tf.reduce_sum(tf.square(mean - target.mean), axis=1) + target.trace
            distances[layer] += tf.linalg.trace(covariance) + VARIANCE * tf.cast(tf.shape(variances)[1], mean.dtype)
        for channels in sorted({int(target.mean.shape[1]) for target in targets.values()}):
            layers = [layer for layer, target in targets.items() if target.mean.shape[1] == channels]
            # S and T are at least VARIANCE in every direction that is left.
            traces = trace_sqrt([products[layer] for layer in layers], least=VARIANCE**2)
            for layer, trace in zip(layers, traces, strict=True):
                distances[layer] = (distances[layer] - 2 * trace) / channels
        return distances
