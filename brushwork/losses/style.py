"""Style losses that compare moments of features: what Gram matrices and the Wasserstein distance have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Moments, moments
from brushwork.engine.term import Constant, Field, Measure, Pixels, Term
from brushwork.network.layers import stride
from brushwork.pictures import sizes
from brushwork.pictures.masks import Masks, average_pool


@dataclass(frozen=True)
class StyleTerm(Term):
    """A style loss: the weighted distances of the image's moments from those of the styles, layer by layer.

    With style masks, the image's moments under each mask are compared with those of its style. Without, the styles
    are blended into one: their moments are averaged with the blend weights.

    A subclass says what a target is, and what the distance from it is.
    """

    weights: Mapping[str, float]  # {layer: weight}
    blend: Callable[[int], Sequence[float]]  # number of styles -> their weights, which sum to 1
    mask_count: int = 0  # of style masks; 0: each style applies everywhere
    has_sources: bool = False  # whether masks say which parts of the styles count
    margin: float = 0.0  # share of a style's width and height that is left out at each side, unless masks say

    name = "style"

    @property
    def layers(self) -> list[str]:
        return list(self.weights)

    def target_inputs(self, channels: int) -> Any:
        """The nested Constants of a layer's target, with a first axis of `target_count`."""
        raise NotImplementedError

    def target(self, style: Moments) -> Any:
        """The values of `target_inputs`, float64 arrays, for a layer of K styles.

        style: means, not sums: `first` [K, C] is the mean of F, `second` [K, C, C] that of F F'.
        """
        raise NotImplementedError

    def distances(self, sums: Mapping[str, Moments], targets: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """{layer: distances [target_count]} of the image, whose sums are not divided by counts, from the targets."""
        raise NotImplementedError

    def blend_variance(self, styles: Moments, blend: Moments, shares: np.ndarray) -> float:
        """The mean distance from all styles minus that from their blend, if it does not depend on the image; else 0.

        styles: means of N styles, `second` [N, C, C]; blend: the same of one. shares: [N], which sum to 1.
        """
        return 0.0

    @property
    def target_count(self) -> int:
        return self.mask_count or 1

    def inputs(self, channels: Mapping[str, int]) -> Mapping:
        return {
            "target": {layer: self.target_inputs(channels[layer]) for layer in self.layers},
            "blend_variance": {layer: Constant() for layer in self.layers},
            "mask": {layer: Field(self.mask_count, layer) for layer in self.layers if self.mask_count},
            "source": {layer: Field(1, layer) for layer in self.layers if self.has_sources},
        }

    def targets(self, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks, measure: Measure) -> Mapping:
        each = style_moments(styles, masks, measure, self.layers, self.margin)
        shares, targets, variances = np.array(self.blend(len(styles))), {}, {}
        for layer in self.layers:
            if self.mask_count:
                targets[layer], variances[layer] = self.target(each[layer]), 0.0
            else:
                blended = blended_moments(each[layer], shares)
                targets[layer] = self.target(blended)
                variances[layer] = self.blend_variance(each[layer], blended, shares) if len(styles) > 1 else 0.0
        return {"target": targets, "blend_variance": variances, "mask": over_cells(masks.styles, self.layers)}

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> dict[str, Moments]:
        return {layer: moments(features[layer], inputs["mask"].get(layer)) for layer in self.layers}

    def losses(self, sums: Mapping, inputs: Mapping) -> dict[str, tf.Tensor]:
        distances, losses = self.distances(sums, inputs["target"]), {}
        shares = self.blend(self.mask_count) if self.mask_count else (1.0,)
        for layer, weight in self.weights.items():
            parts = [share * each for share, each in zip(shares, tf.unstack(distances[layer]), strict=True)]
            losses[f"{self.name}/{layer}"] = weight * (tf.add_n(parts) + inputs["blend_variance"][layer])
        return losses

    def style_sums(self, features: Mapping, inputs: Mapping) -> dict[str, Moments]:
        return {layer: moments(features[layer], inputs["source"].get(layer)) for layer in self.layers}


def style_moments(
    styles: Sequence[np.ndarray], masks: Masks, measure: Measure, layers: Sequence[str], margin: float
) -> dict[str, Moments]:
    """{layer: means over the positions of N styles that count: `first` [N, C] of F, `second` [N, C, C] of F F'}.

    The term of the measure has a `style_sums` as that of StyleTerm. margin: left out at each side, unless masks say
    what counts.
    """
    if not masks.sources:
        styles = [sizes.crop_margin(style, margin) for style in styles]
    sources = [[mask] for mask in masks.sources] or [[]] * len(styles)
    sums = [
        measure.style_sums(style, {"source": over_cells(source, layers)})
        for style, source in zip(styles, sources, strict=True)
    ]
    return {
        layer: Moments(*map(np.concatenate, zip(*(_means(style[layer]) for style in sums), strict=True)))
        for layer in layers
    }


def blended_moments(styles: Moments, shares: np.ndarray) -> Moments:
    """The means of a mixture of N styles, with a first axis of 1. shares: [N], which sum to 1."""
    return Moments(*(np.tensordot(shares, part, 1)[np.newaxis] for part in styles))


def over_cells(masks: Sequence[np.ndarray], layers: Sequence[str]) -> dict[str, np.ndarray]:
    """{layer: K masks [H, W] averaged over its cells, [h, w, K]}; {} without masks."""
    pooled = {layer: [average_pool(mask, stride(layer)) for mask in masks] for layer in (layers if masks else ())}
    return {layer: np.stack(each, axis=-1) for layer, each in pooled.items()}


def _means(sums: Moments) -> Moments:
    """Moments of one mask divided by their count: the mean of F, and of F F'."""
    return Moments(*(part / sums.count for part in sums))
