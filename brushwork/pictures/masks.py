"""Masks: arrays [H, W], 0..1, in the size of a picture: the weight of each of its pixels in a loss."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brushwork.pictures import colors, sizes


class Masks(NamedTuple):
    """The masks of a run, float32 [H, W], 0..1. Where a mask is missing, every pixel has weight 1."""

    styles: tuple[np.ndarray, ...] = ()  # one for each style, in the size of the content: where the style applies
    content: np.ndarray | None = None  # in the size of the content: the weight of each pixel in the content loss
    sources: tuple[np.ndarray, ...] = ()  # one for each style, in the size of the style: the part that is imitated

    def resize(self, size: tuple[int, int], style_sizes: Sequence[tuple[int, int]]) -> "Masks":
        """Resize the masks. size: (height, width) of the content; style_sizes: those of the styles; px."""
        return Masks(
            tuple(resize(mask, *size) for mask in self.styles),
            None if self.content is None else resize(self.content, *size),
            tuple(resize(mask, *each) for mask, each in zip(self.sources, style_sizes, strict=False)),
        )


NO_MASKS = Masks()
COLORED = 8  # of 255: if the channels of a picture differ by more on average, it was probably not meant as a mask
GREY = 0.01  # a mask that is this close to 0 or 1 everywhere is black or white: JPEG changes values a little


def resize(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize a mask, antialiased. In its own size, returns the mask itself.

    mask: float32 [H, W], 0..1. Returns float32 [height, width], 0..1.
    """
    if mask.shape == (height, width):
        return mask
    return np.clip(sizes.resample(mask[:, :, np.newaxis], height, width)[:, :, 0], 0, 1)  # Lanczos overshoots


def from_image(image: np.ndarray, opacity: np.ndarray | None = None) -> np.ndarray:
    """Convert an image to a mask: its luma, with black as 0 and white as 1. Transparent pixels are 0.

    image: [H, W, 3], RGB, 0..255, blended with white, as `read.Picture` has it. opacity: [H, W], 0..1; None: opaque.
    Returns [H, W], 0..1.
    """
    luma = image @ colors.LUMA / 255
    return np.clip(luma if opacity is None else luma - (1 - opacity), 0, 1)


def is_colored(image: np.ndarray) -> bool:
    """Return whether an image [H, W, 3], RGB, 0..255, has colours other than grey."""
    return bool(np.ptp(image, axis=2).mean() > COLORED)


def average_pool(mask: np.ndarray, stride: int) -> np.ndarray:
    """Average a mask over the cells of a layer: squares of stride x stride px, cut off at the right and bottom.

    mask: float [H, W]; stride: px. Returns [ceil(H / stride), ceil(W / stride)], of the mask's type.
    """
    total = mask.astype(np.float64)
    for axis in (0, 1):
        starts = np.arange(0, total.shape[axis], stride)
        counts = np.diff(starts, append=total.shape[axis])
        total = np.add.reduceat(total, starts, axis=axis) / np.expand_dims(counts, 1 - axis)
    return total.astype(mask.dtype)


def check_kinds(masks: Masks, expected: Masks, style_count: int) -> None:
    """Raise ValueError unless masks are of the same kinds as others, and there is one for each style, if any."""
    for name in ("styles", "sources"):
        count, others = len(getattr(masks, name)), len(getattr(expected, name))
        if bool(count) != bool(others) or (name == "styles" and count != others):
            raise ValueError(f"masks.{name} are {count}, and the objective was made for {others}; give both the same")
        if count and count != style_count:
            raise ValueError(f"masks.{name} takes one mask for each style: {style_count}, not {count}")
    if (masks.content is None) != (expected.content is None):
        raise ValueError("masks.content is given to the objective or to this call only; give both the same masks")
