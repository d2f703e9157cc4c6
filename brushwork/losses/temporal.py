"""The temporal loss: a frame of a film looks like the frame before it, moved along with the scene.

    L = weight * mean over pixels and channels of c (x - w)^2

w is the frame before, warped to this one by the optical flow; c is its consistency, 0 where the scene was hidden before
or where the flow cannot be trusted, else 1 (Ruder, Dosovitskiy and Brox 2016, Artistic style transfer for videos,
arXiv:1604.08610, equations 7 and 8).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.sums import Total, squared_error
from brushwork.engine.term import Field, Measure, Pixels, Term
from brushwork.pictures import masks as mask_arrays
from brushwork.pictures import sizes
from brushwork.pictures.masks import Masks


class Predecessor:
    """What a frame follows from; nothing until `set` is called, and after `clear`."""

    def __init__(self):
        self.warped, self.consistency = None, None

    def set(self, warped: np.ndarray, consistency: np.ndarray) -> None:
        """warped: float32 [H, W, 3], RGB, 0..255; also where the consistency, float32 [H, W], 0..1, is 0."""
        self.warped, self.consistency = warped, consistency

    def clear(self) -> None:
        """The next frame follows from nothing."""
        self.warped, self.consistency = None, None

    def at(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """(warped [h, w, 3], consistency [h, w]) in a size; zeros if there is nothing."""
        if self.warped is None:
            return np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
        return sizes.resample(self.warped, height, width), mask_arrays.resize(self.consistency, height, width)

    def start(self, image: np.ndarray, scale: int) -> np.ndarray:
        """The first image of a scale: `warped`, and after the coarsest scale, 0, the image given where c is 0.

        image: [h, w, 3], with which the scale would begin: the result of the one before it.
        """
        warped, consistency = self.at(*image.shape[:2])
        if scale == 0 and self.warped is not None:
            return warped
        return image + consistency[:, :, np.newaxis] * (warped - image)


@dataclass(frozen=True)
class Temporal(Term):
    """The temporal loss, relative to a Predecessor that changes from frame to frame."""

    weight: float
    predecessor: Predecessor

    name = "temporal"

    def inputs(self, channels: Mapping[str, int]) -> Mapping:
        return {"warped": Field(3), "consistency": Field(1)}

    def targets(
        self, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks, measure: Measure
    ) -> Mapping[str, np.ndarray]:
        warped, consistency = self.predecessor.at(*content.shape[:2])
        arrays = {"warped": warped, "consistency": consistency[:, :, np.newaxis]}
        return {name: array.astype(content.dtype) for name, array in arrays.items()}

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> Total:
        return squared_error(pixels.core, inputs["warped"], inputs["consistency"])

    def losses(self, sums: Total, inputs: Mapping) -> dict[str, tf.Tensor]:
        return {"temporal": self.weight * sums.sum / sums.count}
