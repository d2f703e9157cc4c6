"""The box: the range of pixel values that a picture file can hold."""

BOX = 0.0, 255.0


def movable(image, gradient):
    """Where a descent step does not leave the box: True except at pixels on a bound that the loss pulls outward."""
    least, greatest = BOX
    return ~((image <= least) & (gradient > 0) | (image >= greatest) & (gradient < 0))
