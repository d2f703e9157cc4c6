"""The layers of the preview network by name, and the shapes of their kernels.

A predictor, MobileNetV2 (Sandler et al. 2018, table 2) without its classifier, turns a style into a vector of 100
numbers. A transformer (Ghiasi et al. 2017, arXiv:1705.06830) repaints the content; its scales and shifts are linear
functions of that vector.
"""

from typing import NamedTuple

VECTOR = 100  # numbers of a style
STYLE_SIDE = 256  # px: side of the square that the predictor takes


class Block(NamedTuple):
    """An inverted residual of the predictor."""

    name: str
    expansion: int  # channels inside over channels before; 1: there is no expanding convolution
    channels: int
    stride: int


class Stage(NamedTuple):
    """A convolution of the transformer, and the upsampling before it."""

    name: str
    side: int  # of the kernel
    channels: int
    stride: int = 1
    growth: int = 1  # factor by which the features are upsampled first


_TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
_ROWS = [
    (expansion, channels, stride if index == 0 else 1)
    for expansion, channels, count, stride in _TABLE
    for index in range(count)
]
BLOCKS = tuple(Block(f"block{number}", *row) for number, row in enumerate(_ROWS, start=1))
CONTRACT = Stage("contract1", 9, 8), Stage("contract2", 3, 16, stride=2), Stage("contract3", 3, 32, stride=2)
RESIDUAL = tuple((Stage(f"residual{index}_1", 3, 32), Stage(f"residual{index}_2", 3, 32)) for index in range(1, 6))
EXPAND = Stage("expand1", 3, 16, growth=2), Stage("expand2", 3, 8, growth=2), Stage("expand3", 9, 3)
NORMALIZED = tuple(stage for pair in RESIDUAL for stage in pair) + EXPAND  # with a scale and a shift instead of a bias
STRIDE = 4  # px between cells of the residual stages; the sides of a picture are padded to multiples of it


def kernel_shapes() -> dict[str, tuple[tuple[int, ...], bool]]:
    """Layer -> (shape of its kernel [height, width, in, out], whether it has a bias), in the order of computation."""
    return predictor_layers() | _transformer()


def predictor_layers() -> dict[str, tuple[tuple[int, ...], bool]]:
    """The part of `kernel_shapes` that belongs to the predictor."""
    shapes, before = {"first": ((3, 3, 3, 32), True)}, 32
    for block in BLOCKS:
        inside = before * block.expansion
        if block.expansion > 1:
            shapes[f"{block.name}_expand"] = (1, 1, before, inside), True
        shapes[f"{block.name}_depthwise"] = (3, 3, inside, 1), True
        shapes[f"{block.name}_project"] = (1, 1, inside, block.channels), True
        before = block.channels
    return shapes | {"last": ((1, 1, before, 1280), True), "vector": ((1, 1, 1280, VECTOR), False)}


def _transformer():
    shapes, before = {}, 3
    for stage in (*CONTRACT, *NORMALIZED):
        shapes[stage.name] = (stage.side, stage.side, before, stage.channels), stage in CONTRACT
        before = stage.channels
    for stage in NORMALIZED:
        shapes |= dict.fromkeys((f"{stage.name}_scale", f"{stage.name}_shift"), ((1, 1, VECTOR, stage.channels), True))
    return shapes
