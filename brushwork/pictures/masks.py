"""Masks: where each style applies, where the content counts, and which part of a style picture is imitated.

A mask is an array [H, W] of 0..1, as large as its picture: the weight of each pixel.
"""

from typing import NamedTuple

import numpy as np

from brushwork.pictures import colors, sizes


class Masks(NamedTuple):
    """The masks of a run. Without any, everything counts everywhere."""

    styles: tuple[np.ndarray, ...] = ()  # one for each style, over the content
    content: np.ndarray | None = None  # over the content
    sources: tuple[np.ndarray, ...] = ()  # one for each style, over the style picture

    def scaled(self, size, style_sizes):
        """The masks for a content of another size, (height, width), and for styles of other sizes."""
        return Masks(
            tuple(resized(mask, *size) for mask in self.styles),
            None if self.content is None else resized(self.content, *size),
            tuple(resized(mask, *each) for mask, each in zip(self.sources, style_sizes, strict=False)),
        )


EVERYWHERE = Masks()


def resized(mask, height, width):
    """A mask at another size: float32 [height, width], 0..1, antialiased. At its own size, the mask itself."""
    if mask.shape == (height, width):
        return mask
    return np.clip(sizes.resample(mask[:, :, np.newaxis], height, width)[:, :, 0], 0, 1)  # Lanczos overshoots


def from_picture(image):
    """A picture [H, W, 3], RGB, 0..255, as a mask [H, W]: its luma, white as 1."""
    return np.clip(image @ colors.LUMA / 255, 0, 1)


def over_cells(mask, stride):
    """The mean of a mask in each square of stride x stride px, which is one position of a layer.

    [ceil(H / stride), ceil(W / stride)]; squares at the border are cut off and their means taken over what is left.
    """
    total = mask.astype(np.float64)
    for axis in (0, 1):
        starts = np.arange(0, total.shape[axis], stride)
        counts = np.diff([*starts, total.shape[axis]])
        total = np.add.reduceat(total, starts, axis=axis) / np.expand_dims(counts, 1 - axis)
    return total.astype(mask.dtype)
