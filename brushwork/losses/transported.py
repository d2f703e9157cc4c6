"""The content in the statistics of the styles: what the content loss asks for where the style loss allows it.

The features of the content, layer by layer, are moved by optimal transport so that they have the mean and the
covariance of the style's features. Then the content loss keeps forms and faces, and asks for no texture or tone that
the painting has not; the features of the photograph itself would pull against the style loss.

Source: Lu et al. 2019, A closed-form solution to universal style transfer (arXiv:1906.00668), who decode such features
to a picture. Here they are the target of an optimisation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Moments, exact, moments
from brushwork.engine.term import Field, Measure
from brushwork.losses.style import blended_moments, over_cells, style_moments
from brushwork.pictures.masks import Masks
from brushwork.transport import Normal, normal, transport_map

FLOOR = 0.01  # of the mean variance, added to each variance of the content, so that none is enlarged without limit
STYLE_FLOOR = 0.001  # of the same, added to the variances of the style, so that nothing of the content vanishes
FLAT = 0.01  # of the style's mean variance: a content of less variance counts as one of so much
ROWS = 64  # of features that are moved at a time


@dataclass(frozen=True)
class Transport:
    """Moves the features of the content. With style masks, what is under a mask gets the statistics of its style."""

    strength: float  # 0..1, the share of the way
    blend: Callable[[int], Sequence[float]]  # number of styles -> their weights, which sum to 1
    margin: float = 0.0  # share of a style's width and height that is left out at each side, unless masks say
    has_sources: bool = False  # whether masks say which parts of the styles count

    def inputs(self, layers: Sequence[str]) -> Mapping:
        """What `style_sums` needs: masks of the styles."""
        return {"source": {layer: Field(1, layer) for layer in layers if self.has_sources}}

    def style_sums(self, features: Mapping[str, tf.Tensor], inputs: Mapping) -> dict[str, Moments]:
        """The Moments of a style, in a graph: features [h, w, C] by layer."""
        # In float32 at least: products in bfloat16 have errors of a hundredth, and the floors are smaller.
        return {layer: moments(exact(each), inputs["source"].get(layer)) for layer, each in features.items()}

    def moved(
        self, features: Mapping[str, np.ndarray], styles: Sequence[np.ndarray], masks: Masks, measure: Measure
    ) -> dict[str, np.ndarray]:
        """The features of the content, {layer: [h, w, C]}, on their way to those of the styles; of the same types.

        styles: [h, w, 3], RGB, 0..255. measure: of a term with these `inputs` and `style_sums`.
        """
        wanted = style_moments(styles, masks, measure, list(features), self.margin)
        cells, shares = over_cells(masks.styles, list(features)), np.array(self.blend(len(styles)))
        moved = {}
        for layer, array in features.items():
            if masks.styles:
                regions, means = np.moveaxis(cells[layer], -1, 0), wanted[layer]
            else:
                regions, means = [np.ones(array.shape[:2], np.float32)], blended_moments(wanted[layer], shares)
            targets = [normal(*of_a_region) for of_a_region in zip(means.first, means.second, strict=True)]
            moved[layer] = self._moved(array, regions, targets, -np.inf if layer.startswith("conv") else 0)
        return moved

    def _moved(self, features, regions, targets, least):
        """Features [h, w, C], of which each region, a mask [h, w], gets a Normal. least: 0 behind a ReLU."""
        owns = [_normal_of(features, region) for region in regions]
        maps = [_map(*pair) for pair in zip(owns, targets, strict=True)]
        total = np.maximum(sum(regions), 1)
        moved = np.empty_like(features)
        for top in range(0, len(features), ROWS):
            rows = slice(top, top + ROWS)
            some = _exact(features[rows])
            change = np.zeros_like(some)
            for region, own, target, linear in zip(regions, owns, targets, maps, strict=True):
                share = (self.strength * region[rows] / total[rows])[:, :, np.newaxis].astype(some.dtype)
                centred = some - own.mean.astype(some.dtype)
                change += share * (centred @ linear.astype(some.dtype) + target.mean.astype(some.dtype) - some)
            moved[rows] = np.maximum(some + change, least)
        return moved


def _map(own, wanted):
    """The matrix that moves features from one Normal to another."""
    variance, of_style = (np.trace(each.covariance) / len(each.mean) for each in (own, wanted))
    scale = max(variance, FLAT * of_style, np.finfo(np.float32).tiny)
    return transport_map(own, wanted, FLOOR * scale, STYLE_FLOOR * scale)


def _normal_of(features, region) -> Normal:
    """The Normal of features [h, w, C] under a mask [h, w]; float64."""
    channels = features.shape[-1]
    mean, covariance = np.zeros(channels), np.zeros((channels, channels))
    count = max(float(region.sum(dtype=np.float64)), np.finfo(np.float64).tiny)
    for some, weights in _in_rows(features, region):
        mean += (weights * some).sum(axis=0, dtype=np.float64) / count
    # Without the mean, whose square may be a million times as large: float32 has seven digits.
    for some, weights in _in_rows(features, region):
        centred = some - mean.astype(some.dtype)
        covariance += (weights * centred).T @ centred / count
    return Normal(mean, covariance)


def _in_rows(features, region):
    """Yield positions [n, C] and weights [n, 1] of features [h, w, C] under a mask [h, w], ROWS rows at a time."""
    for top in range(0, len(features), ROWS):
        some = _exact(features[top : top + ROWS])
        weights = region[top : top + ROWS].reshape(-1, 1).astype(some.dtype)
        yield some.reshape(-1, some.shape[-1]), weights


def _exact(features):
    """Features in float32 at least."""
    return features.astype(np.float32) if features.dtype.itemsize < 4 else features
