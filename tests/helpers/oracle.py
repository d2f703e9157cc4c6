"""What tests that compare losses share: which losses, and how far bfloat16 may change them."""


def main_losses(losses):
    """The losses of the picture, without those of single layers, which may be small differences of large numbers."""
    return {name: loss for name, loss in losses.items() if "/" not in name}


# How much bfloat16 may change a loss of an image that is far from its targets, to first order in the unit roundoff
# 2^-9: three roundings (input, kernel, output) in each of 14 convolutions and in the Gram product, of the image and of
# the target, and a square. Where image and target are alike, their difference is off by more: the tests avoid that.
BFLOAT16_LOSS = 3 * (14 + 1) * 2 * 2 * 2**-9
BFLOAT16_GRADIENT = BFLOAT16_LOSS + 3 * (14 + 1) * 2**-9  # as many roundings on the way back
