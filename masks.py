"""Masks: where in a picture each style applies, where its content matters, and which part of a style picture counts.

A mask is an array [H, W] of 0..1, as large as its picture; what is between counts in part.
"""

from typing import NamedTuple

import numpy as np

import images


class Masks(NamedTuple):
    """The masks of a run. Nothing given: everything counts everywhere."""

    styles: tuple[np.ndarray, ...] = ()  # one for each style, over the content
    content: np.ndarray | None = None  # over the content
    sources: tuple[np.ndarray, ...] = ()  # one for each style, over the style picture

    def scaled(self, size, style_sizes):
        """The masks for pictures of other sizes, (height, width)."""
        return Masks(
            tuple(resized(mask, *size) for mask in self.styles),
            None if self.content is None else resized(self.content, *size),
            tuple(resized(mask, *each) for mask, each in zip(self.sources, style_sizes, strict=False)),
        )


EVERYWHERE = Masks()


def resized(mask, height, width):
    """A mask at another size, antialiased and within 0..1."""
    if mask.shape == (height, width):
        return mask
    return images.resize(np.repeat(mask[:, :, np.newaxis] * 255, 3, axis=2), height, width)[:, :, 0] / 255


def from_picture(image):
    """The mask that a picture [H, W, 3] is: the share of white in its luma."""
    return np.clip(image @ images.LUMA / 255, 0, 1)


def over_cells(mask, stride):
    """The mean of a mask over the px of each cell of a layer, [ceil(H / stride), ceil(W / stride)]."""
    total = mask.astype(np.float64)
    for axis in (0, 1):
        starts = np.arange(0, total.shape[axis], stride)
        counts = np.diff([*starts, total.shape[axis]])
        total = np.add.reduceat(total, starts, axis=axis) / np.expand_dims(counts, 1 - axis)
    return total.astype(mask.dtype)
