"""Memory of an instant picture by the included network, whose features wait in arrays of the picture's size."""

from brushwork.engine.memory import SHARE, available
from brushwork.errors import DoesNotFit

PROCESS = 680e6  # bytes of the program with TensorFlow, the network and a band
NUMBERS = 32  # float32 for each pixel, at the peak: the content, two stages, the picture
MORE = 8  # for each pixel, with masks: the sum of the pictures, and a mask


def estimate(size, masks=0):
    """Bytes of the process at its peak, for a picture of `size` (height, width) with so many style masks."""
    return PROCESS + 4 * (NUMBERS + (MORE + masks if masks else 0)) * size[0] * size[1]


def check(size, masks=0):
    """Raise DoesNotFit, with a width that would fit, if there is not enough memory for a picture."""
    needed, limit = estimate(size, masks), SHARE * available()
    if needed > limit:
        share = max(0, (limit - PROCESS) / (needed - PROCESS)) ** 0.5
        width = int(share * size[1])
        remedy = f"--width {width} would fit" if width else "not even a small one would fit"
        sentence = f"the picture takes {needed / 1e9:.1f} GB of memory and {limit / 1e9:.1f} GB are free"
        raise DoesNotFit(f"{sentence}; {remedy}")
