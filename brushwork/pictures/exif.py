"""EXIF and XMP: the orientation of a picture, and what a picture made from it may keep."""

import re
from contextlib import suppress
from typing import Any, NamedTuple

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

# Tags that describe a photograph and not the file that it is in
_TAG, _IFD = ExifTags.Base, ExifTags.IFD
_KEPT = {
    0: tuple(
        _TAG[name] for name in "ImageDescription Make Model DateTime Artist HostComputer Copyright Rating".split()
    ),
    _IFD.Exif: None,  # all but _DROPPED
    _IFD.GPSInfo: None,
}
_OF_FILE = "ExifImageWidth ExifImageHeight ExifInteroperabilityOffset ColorSpace FlashPixVersion CompressedBitsPerPixel"
_DROPPED = {_TAG[name] for name in f"MakerNote UserComment ComponentsConfiguration {_OF_FILE}".split()}
MOST_METADATA = 60_000  # bytes of EXIF or XMP, as JPEG holds 65,533


class Photograph(NamedTuple):
    """What is known of a photograph: when, where, by whom and with what it was taken."""

    tags: dict[int, dict[int, Any]]  # of EXIF: directory (0 is the first) -> tag -> value
    xmp: bytes | None


def photograph(exif: Image.Exif | bytes | None, xmp: bytes | None) -> Photograph | None:
    """What EXIF and XMP say of a photograph, without orientation, size and thumbnail; None if they say nothing."""
    tags = {}
    with suppress(Exception):  # damaged EXIF data is no reason to refuse the picture
        if not isinstance(exif, Image.Exif):
            data, exif = exif, Image.Exif()
            if data:
                exif.load(data)
        for directory, names in _KEPT.items():
            found = dict(exif.get_ifd(directory) if directory else exif)
            tags[directory] = {tag: _bytes(found[tag]) for tag in names or {*found} - _DROPPED if tag in found}
    texts = (value for each in tags.values() for value in each.values() if isinstance(value, bytes | str))
    tags = tags if sum(map(len, texts)) <= MOST_METADATA else {}
    xmp = _clean_xmp(xmp) if xmp else None
    return Photograph(tags, xmp) if any(tags.values()) or xmp else None


def _bytes(value):
    """A value of a tag; text beyond ASCII as the bytes that it was read from."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def _clean_xmp(xmp):
    """XMP without orientation, size and thumbnails; None if it is too long or not XML."""
    names = rb"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:(?:PixelXDimension|PixelYDimension|ColorSpace))"
    xmp = re.sub(rb"<(xmp:Thumbnails|xap:Thumbnails|photoshop:SidecarForExtension)\b.*?</\1\s*>", b"", xmp, flags=re.S)
    xmp = re.sub(rb"<(" + names + rb")>[^<]*</\1\s*>", b"", xmp)
    xmp = re.sub(rb"\s" + names + rb"\s*=\s*(\"[^\"]*\"|'[^']*')", b"", xmp)
    xmp = re.sub(rb"\s{100,}", b"\n", xmp)  # room for programs that edit in place
    return xmp if len(xmp) <= MOST_METADATA and b"rdf:RDF" in xmp else None


def orientation(exif: bytes | None, xmp: bytes | None = None) -> int:
    """The orientation in EXIF data, or else in XMP: 1 to 8; 1 if there is none or if it is damaged."""
    found, data = None, Image.Exif()
    with suppress(Exception):
        if exif:
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
