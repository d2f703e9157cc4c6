"""Measures the frame of pictures: the local variance of the outermost 8 px over that of the next 8 px.

    python tools/measure/frame.py PICTURE ...

Prints one ratio for each picture; 1 means that there is no frame.
"""

import argparse
import sys

import numpy as np
from scipy.ndimage import uniform_filter

from brushwork.pictures import read

WIDTH = 8  # px
WINDOW = 5  # px: the side of the squares in which the variance is taken


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure the frame of pictures.")
    parser.add_argument("pictures", nargs="+")
    for path in parser.parse_args(arguments).pictures:
        print(f"{ratio(read.image(path)):.3f} {path}")
    return 0


def ratio(image):
    """The mean local variance of an image [H, W, 3] in its outermost WIDTH px, over that in the next WIDTH px."""
    size = (WINDOW, WINDOW, 1)
    variance = uniform_filter(image**2, size, mode="nearest") - uniform_filter(image, size, mode="nearest") ** 2
    height, width = image.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    depth = np.minimum(np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns))
    outer, inner = (variance[(depth >= first) & (depth < first + WIDTH)].mean() for first in (0, WIDTH))
    return outer / inner


if __name__ == "__main__":
    sys.exit(main())
