"""EXIF and XMP: the orientation of a picture."""

import re
from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image

# Orientation of EXIF -> (whether rows and columns are exchanged, then: flipped up to down, flipped left to right)
_TURNS = {
    1: (False, False, False),
    2: (False, False, True),
    3: (False, True, True),
    4: (False, True, False),
    5: (True, False, False),
    6: (True, False, True),
    7: (True, True, True),
    8: (True, True, False),
}


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """The orientation in EXIF data, or else in XMP: 1 to 8; 1 if there is none or if it is damaged."""
    found = None
    with suppress(Exception):
        data = Image.Exif()
        data.load(exif)
        found = data.get(ExifTags.Base.Orientation)
    if found is None and xmp:
        match = re.search(rb'tiff:Orientation(?:="|>)([1-8])', xmp)
        found = int(match[1]) if match else None
    return found if found in _TURNS else 1


def swaps(orientation: int) -> bool:
    """Whether an orientation exchanges height and width."""
    return _TURNS[orientation][0]


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turn an array [H, W, ...] upright: a view."""
    swap, down, across = _TURNS[orientation]
    array = array.swapaxes(0, 1) if swap else array
    array = array[::-1] if down else array
    return array[:, ::-1] if across else array
