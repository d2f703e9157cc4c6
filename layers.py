"""The layers of VGG-19 by name, and how they lie over the picture. No network is needed to know this.

Source: Simonyan and Zisserman 2014, configuration E, without its fully connected layers.
"""

BLOCKS = (2, 2, 4, 4, 4)  # convolutions in each; a pooling stands between two blocks
WIDE = 256  # channels: between so many, all but bfloat16 convolutions go through `winograd`, on a processor
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
FEATURES = tuple(name for name in LAYERS if not name.startswith("pool"))  # what content and style may be taken from


def up_to_last(layers):
    """All layers of the network that are needed for some."""
    return LAYERS[: max(map(LAYERS.index, layers), default=-1) + 1]


def is_wide(kernel):
    """Whether a kernel [3, 3, in, out] lies between so many channels that its products are worth being saved."""
    return min(kernel.shape[2:]) >= WIDE


def stride(layer):
    """Picture px between neighbouring cells of a layer."""
    return 2 ** (int(layer[4]) - 1)


def sight(layer):
    """How far, in px, the outermost cells of a block of cells see beyond it: a convolution adds its stride each way."""
    before = after = 0
    step = 1
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.startswith("conv"):
            before, after = before + step, after + step
        elif name.startswith("pool"):
            after, step = after + step, 2 * step
    return max(before, after + 1 - step)
