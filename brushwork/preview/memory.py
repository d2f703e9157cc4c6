"""The memory that a preview takes. The features of the preview network are arrays of the picture's size."""

from brushwork.engine import limits
from brushwork.engine.limits import available
from brushwork.engine.memory import SHARE
from brushwork.errors import DoesNotFit

PROCESS = 680e6  # bytes: the program with TensorFlow, the network and a band
NUMBERS = 32  # float32 per pixel at the peak: the content, two stages, the picture
WITH_MASKS = 8  # float32 per pixel in addition: the sum of the pictures and a mask


def estimate(size: tuple[int, int], masks: int = 0) -> float:
    """The peak memory of the process in bytes, for a picture of `size` (height, width) and a number of style masks."""
    return PROCESS + 4 * (NUMBERS + (WITH_MASKS + masks if masks else 0)) * size[0] * size[1]


def check(size: tuple[int, int], masks: int = 0) -> None:
    """Raise DoesNotFit if there is not enough memory for a picture; the message names a width that would fit."""
    needed, limit = estimate(size, masks), SHARE * available()
    if needed > limit:
        share = max(0, (limit - PROCESS) / (needed - PROCESS)) ** 0.5
        width = int(share * size[1])
        remedy = f"--width {width} would fit" if width else "not even a small one would fit"
        sentence = f"the picture takes {needed / 1e9:.1f} GB of memory and {limit / 1e9:.1f} GB {limits.reason()}"
        raise DoesNotFit(f"{sentence}; {remedy}")
