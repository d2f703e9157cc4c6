"""Masks: arrays [H, W] of 0..1, as large as a picture, the weight of each of its pixels in a loss."""

from typing import NamedTuple

import numpy as np

from brushwork.pictures import colors, sizes


class Masks(NamedTuple):
    """The masks of a run. Without any, everything counts everywhere."""

    styles: tuple[np.ndarray, ...] = ()  # over the content, one for each style: where the style applies
    content: np.ndarray | None = None  # over the content: where it counts
    sources: tuple[np.ndarray, ...] = ()  # over each style picture: which part of it is imitated

    def resize(self, size, style_sizes):
        """The masks for a content of another size, (height, width), and for styles of other sizes."""
        return Masks(
            tuple(resize(mask, *size) for mask in self.styles),
            None if self.content is None else resize(self.content, *size),
            tuple(resize(mask, *each) for mask, each in zip(self.sources, style_sizes, strict=False)),
        )


NO_MASKS = Masks()
COLORED = 8  # of 255: the mean difference of the channels of a picture that is no mask by nature
GREY = 0.01  # what differs less from black or white is a trace of compression


def resize(mask, height, width):
    """A mask at another size: float32 [height, width], 0..1, antialiased. At its own size, the mask itself."""
    if mask.shape == (height, width):
        return mask
    return np.clip(sizes.resample(mask[:, :, np.newaxis], height, width)[:, :, 0], 0, 1)  # Lanczos overshoots


def from_image(image, opacity=None):
    """A picture [H, W, 3], RGB, 0..255, over white, as a mask [H, W]: its luma over black, white as 1.

    opacity: [H, W], 0..1; None: everything is opaque. What is transparent counts as black.
    """
    luma = image @ colors.LUMA / 255
    return np.clip(luma if opacity is None else luma - (1 - opacity), 0, 1)


def is_colored(image):
    """Whether a picture [H, W, 3], RGB, 0..255, has colours, and not only shades of grey."""
    return np.ptp(image, axis=2).mean() > COLORED


def average_pool(mask, stride):
    """The mean of a mask in each square of stride x stride px, cut off at the border, which is a position of a layer.

    Returns [ceil(H / stride), ceil(W / stride)].
    """
    total = mask.astype(np.float64)
    for axis in (0, 1):
        starts = np.arange(0, total.shape[axis], stride)
        counts = np.diff(starts, append=total.shape[axis])
        total = np.add.reduceat(total, starts, axis=axis) / np.expand_dims(counts, 1 - axis)
    return total.astype(mask.dtype)
