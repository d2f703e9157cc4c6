"""JPEG 2000 (ISO 15444-1): the depth and the colours of a file, and channels of more than 8 bits.

Pillow rounds channels of more than 8 bits so that white becomes black; imagecodecs, if it is installed, decodes them.
"""

import struct
from typing import NamedTuple

import numpy as np

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, raster
from brushwork.pictures.raster import Raster, TimedFile

SIGNATURES = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
_HEAD = 1 << 20  # bytes, within which the header is searched
_SPACES = {16: 3, 17: 1, 18: 3, 12: 4}  # enumerated colour space -> channels: sRGB, grey, sYCC, CMYK


class Header(NamedTuple):
    """The facts of a JPEG 2000 file that Pillow does not tell."""

    size: tuple[int, int]  # (height, width)
    depths: tuple[int, ...]  # bits of each channel
    space: int | None  # enumerated colour space
    icc: bytes | None
    has_alpha: bool | None  # by a channel definition; None: without one


def read_header(file: TimedFile) -> Header:
    """Read the header. Raises PictureError if the picture is in a colour space that cannot be converted."""
    file.seek(0)
    head = file.read(_HEAD)
    start = head.find(SIGNATURES[1])
    if start < 0 or len(head) < start + 42:
        raise PictureError("damaged JPEG2000")
    right, bottom, left, top = struct.unpack_from(">4I", head, start + 8)
    (count,) = struct.unpack_from(">H", head, start + 40)
    components = head[start + 42 : start + 42 + 3 * count]
    if any(component & 128 for component in components[::3]):
        raise PictureError("it is a JPEG 2000 picture of signed numbers; save it with 8 bits, or as PNG")
    depths = tuple(component + 1 for component in components[::3])
    boxes = head[:start]
    space, icc = _color(boxes)
    if space is not None and space not in _SPACES:
        raise PictureError(f"its colours are in an unknown space (number {space} of JPEG 2000); save it in sRGB")
    return Header((bottom - top, right - left), depths, space, icc, _has_alpha(boxes))


def _color(boxes):
    """(enumerated space, ICC profile) in the first colour box that this program knows."""
    place = -1
    while (place := boxes.find(b"colr", place + 1)) >= 4:
        (length,) = struct.unpack_from(">I", boxes, place - 4)
        content = boxes[place + 4 : place - 4 + length]
        if content[:1] == b"\1" and len(content) >= 7:
            return struct.unpack_from(">I", content, 3)[0], None
        if content[:1] in (b"\2", b"\3"):
            return None, content[3:]
    return None, None


def _has_alpha(boxes):
    """Whether a channel is defined as opacity (1) or premultiplied opacity (2)."""
    place = boxes.find(b"cdef")
    if place < 0 or len(boxes) < place + 6:
        return None
    (count,) = struct.unpack_from(">H", boxes, place + 4)
    kinds = [boxes[at + 2 : at + 4] for at in range(place + 6, min(place + 6 + 6 * count, len(boxes) - 5), 6)]
    return b"\0\1" in kinds or b"\0\2" in kinds


def open_deep(file: TimedFile, header: Header) -> Raster:
    """Open a picture with channels of more than 8 bits. Raises PictureError without imagecodecs."""
    try:
        import imagecodecs
    except ImportError:
        package = "python -m pip install imagecodecs; or save it with 8 bits, or as PNG"
        raise PictureError(f"JPEG 2000 of {max(header.depths)} bits needs imagecodecs: {package}") from None
    if len(set(header.depths)) > 1 or header.space == 18:
        raise PictureError("it is a JPEG 2000 picture whose channels differ; save it with 8 bits, or as PNG")
    height, width = header.size

    def strips():
        file.seek(0)
        samples = np.atleast_3d(imagecodecs.jpeg2k_decode(file.read()))
        if samples.shape[:2] != header.size:
            raise PictureError("damaged JPEG2000")
        rows = raster.strip_rows(width)
        for top in range(0, height, rows):
            yield _to_image(samples[top : top + rows], header)

    return Raster("JPEG2000", header.size, header.size, strips, space=color_spaces.profile_name(header.icc))


def _to_image(samples, header):
    """A strip in sRGB over white, and its opacity."""
    white, channels, opacity = (1 << header.depths[0]) - 1, samples.shape[2], None
    colors = _SPACES.get(header.space, channels - 1 if channels in (2, 4) else channels)
    if channels == colors + 1 and header.has_alpha is not False:
        opacity = samples[:, :, colors].astype(np.float32) / np.float32(white)
    if colors not in (1, 3, 4) or channels < colors:
        raise PictureError(f"it is a JPEG 2000 picture of {channels} channels; save it as PNG")
    image = color_spaces.convert(samples[:, :, :colors].astype(np.float32) * np.float32(255 / white), header.icc)
    return (image if opacity is None else raster.blend(image, opacity)), opacity
