"""The layers of VGG-19 by name, and how their cells lie over the picture. No weights are needed to know this.

Source: Simonyan and Zisserman 2014, configuration E, without the fully connected layers.
"""

BLOCKS = (2, 2, 4, 4, 4)  # convolutions in each block; a pooling layer stands between two blocks
WIDE = 256  # channels; float32 convolutions from and to at least this many use `winograd` on a CPU
CONVOLUTIONS = tuple(
    f"conv{block}_{index}" for block, count in enumerate(BLOCKS, start=1) for index in range(1, count + 1)
)


def _names():
    for name in CONVOLUTIONS:
        block, index = name[len("conv") :].split("_")
        if index == "1" and block != "1":
            yield f"pool{int(block) - 1}"
        yield name
        yield f"relu{block}_{index}"


LAYERS = tuple(_names())  # conv1_1, relu1_1, conv1_2, ... relu5_4, in the order of computation
FEATURES = tuple(name for name in LAYERS if not name.startswith("pool"))  # usable as content and style layers


def up_to_last(layers):
    """All layers that have to be computed to get the given ones, in the order of computation."""
    return LAYERS[: max(map(LAYERS.index, layers), default=-1) + 1]


def is_wide(kernel):
    """Whether a kernel [3, 3, in, out] has at least `WIDE` input and output channels."""
    return min(kernel.shape[2:]) >= WIDE


def stride(layer):
    """Distance between neighbouring cells of a convolution or ReLU, in px of the picture: 2^(block - 1)."""
    return 2 ** (int(layer[4]) - 1)


def reach(layer):
    """How far the receptive field of a block of cells extends beyond the block on any side, at most, in px.

    The block begins and ends at multiples of the layer's stride. Each 3x3 convolution extends the field by its stride
    on both sides; a 2x2 pooling extends it towards the bottom and right only.
    """
    before = after = 0
    step = 1
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.startswith("conv"):
            before, after = before + step, after + step
        elif name.startswith("pool"):
            after, step = after + step, 2 * step
    return max(before, after + 1 - step)
