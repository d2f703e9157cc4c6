"""Measures the frame of pictures: the local variance of the outermost 8 px over that of the next 8 px.

    python tools/frame.py PICTURE ...

Prints the ratio of each; 1 is a picture without a frame.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from scipy.ndimage import uniform_filter

import images

WIDTH = 8  # px
WINDOW = 5  # px: side of the squares whose variance is taken


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure the frame of pictures.")
    parser.add_argument("pictures", nargs="+")
    for path in parser.parse_args(arguments).pictures:
        print(f"{ratio(images.read(path)):.3f} {path}")
    return 0


def ratio(image):
    """The mean local variance of the outermost WIDTH px of an image [H, W, 3], over that of the next."""
    size = (WINDOW, WINDOW, 1)
    variance = uniform_filter(image**2, size, mode="nearest") - uniform_filter(image, size, mode="nearest") ** 2
    height, width = image.shape[:2]
    rows, columns = np.ogrid[:height, :width]
    depth = np.minimum(np.minimum(rows, height - 1 - rows), np.minimum(columns, width - 1 - columns))
    outer, inner = (variance[(depth >= first) & (depth < first + WIDTH)].mean() for first in (0, WIDTH))
    return outer / inner


if __name__ == "__main__":
    sys.exit(main())
