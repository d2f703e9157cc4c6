"""The layers of VGG-19 (Simonyan and Zisserman 2014, configuration E) by name, and their geometry."""

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
WIDE = 128  # channels; float32 convolutions from and to at least this many use `winograd` on a CPU


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
    before, after, step = 0, 0, 1
    for name in LAYERS[: LAYERS.index(layer) + 1]:
        if name.startswith("conv"):
            before, after = before + step, after + step
        elif name.startswith("pool"):
            after, step = after + step, 2 * step
    return max(before, after + 1 - step)
