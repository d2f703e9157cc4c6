"""The layers of VGG-19 by name, and their geometry: Simonyan and Zisserman 2014, arXiv:1409.1556, configuration E."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a command line is parsed without NumPy
    import numpy as np

LAYERS = tuple(  # in the order of computation
    """
    conv1_1 relu1_1 conv1_2 relu1_2 pool1
    conv2_1 relu2_1 conv2_2 relu2_2 pool2
    conv3_1 relu3_1 conv3_2 relu3_2 conv3_3 relu3_3 conv3_4 relu3_4 pool3
    conv4_1 relu4_1 conv4_2 relu4_2 conv4_3 relu4_3 conv4_4 relu4_4 pool4
    conv5_1 relu5_1 conv5_2 relu5_2 conv5_3 relu5_3 conv5_4 relu5_4
    """.split()
)
CONVOLUTIONS = tuple(name for name in LAYERS if name.startswith("conv"))
FEATURES = tuple(name for name in LAYERS if not name.startswith("pool"))  # usable as content and style layers
WIDE = 128  # channels; on a CPU, float32 convolutions with at least as many inputs and outputs use `winograd`


def up_to_last(layers: Iterable[str]) -> tuple[str, ...]:
    """Return all layers up to the last of `layers`, in the order of computation: those that must be computed."""
    return LAYERS[: max(map(LAYERS.index, layers), default=-1) + 1]


def is_wide(kernel: "np.ndarray") -> bool:
    """Return whether a kernel [3, 3, in, out] has at least WIDE input and output channels."""
    return min(kernel.shape[2:]) >= WIDE


def stride(layer: str) -> int:
    """Return the distance between neighbouring cells of a convolution or ReLU, px of the picture: 2^(block - 1)."""
    return 2 ** (int(layer[4]) - 1)


def reach(layer: str) -> int:
    """Return how far the receptive field of a block of cells extends beyond the block, at most, px.

    The block begins and ends at multiples of the layer's stride. Each 3x3 convolution extends the field by its stride
    on both sides; each 2x2 pooling extends it at the bottom and on the right only.
    """
    before, after, step = 0, 0, 1
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.startswith("conv"):
            before, after = before + step, after + step
        elif name.startswith("pool"):
            after, step = after + step, 2 * step
    return max(before, after + 1 - step)
