"""Radiance HDR, PFM and PAM: light as floating-point numbers, and Netpbm's pictures with alpha.

In HDR and PFM, 1 is white and brighter light is white too, with the primaries of sRGB, as in ImageMagick.
"""

import re
from collections.abc import Iterator

import numpy as np

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, raster
from brushwork.pictures.raster import Raster, TimedFile

HDR_SIGNATURES = b"#?RADIANCE", b"#?RGBE"
PFM_SIGNATURES = b"PF\n", b"Pf\n", b"PF\r", b"Pf\r", b"PF ", b"Pf "
PAM_SIGNATURE = b"P7\n"
_LINES = 200  # of a header
BRIGHTER = "holds light brighter than white, which becomes white"


def open_hdr(file: TimedFile) -> Raster:
    """Open a picture in Radiance HDR: RGBE, flat or run-length encoded."""
    file.seek(0)
    orientation = None
    for _ in range(_LINES):
        line = file.readline(1024).strip()
        if line.startswith(b"FORMAT=") and line != b"FORMAT=32-bit_rle_rgbe":
            raise PictureError("it is a Radiance picture in XYZ; save it as RGBE, or as PNG")
        if match := re.fullmatch(rb"([-+])Y (\d+) ([-+])X (\d+)", line):
            orientation = {b"-+": 1, b"--": 2, b"+-": 3, b"++": 4}[match[1] + match[3]]
            break
    if orientation is None:
        raise PictureError("damaged HDR, or turned by 90 degrees; save it as PNG")
    height, width, start = int(match[2]), int(match[4]), file.tell()

    def strips():
        file.seek(start)
        yield from _in_strips(_rgbe_rows(file, height, width), width, remarks)

    remarks = []
    return Raster("HDR", (height, width), (height, width), strips, orientation, "linear light", remarks=remarks)


def _rgbe_rows(file, height, width) -> Iterator[np.ndarray]:
    """Rows of light, float32 [W, 3]."""
    for _ in range(height):
        head = file.read(4)
        if len(head) < 4:
            raise PictureError("truncated HDR")
        if head[:2] == b"\2\2" and head[2] << 8 | head[3] == width and width >= 8:
            row = np.stack([_run_lengths(file, width) for _ in range(4)], axis=1)
        else:
            rest = file.read(4 * width - 4)
            if len(rest) < 4 * width - 4:
                raise PictureError("truncated HDR")
            row = np.frombuffer(head + rest, np.uint8).reshape(width, 4)
            if (row[:, :3] == 1).all(axis=1).any():
                raise PictureError("it is a Radiance picture in an old encoding; save it as PNG")
        scale = np.ldexp(np.float32(1), row[:, 3].astype(np.int32) - 136)
        yield np.where(row[:, 3:] > 0, row[:, :3] * scale[:, np.newaxis], 0).astype(np.float32)


def _run_lengths(file, width):
    """One channel of a row: a count above 128 repeats the next byte, another is followed by as many bytes."""
    channel = bytearray()
    while len(channel) < width:
        (count,) = file.read(1) or b"\0"
        data = file.read(1) * (count - 128) if count > 128 else file.read(count)
        if not data:
            raise PictureError("truncated HDR")
        channel += data
    if len(channel) > width:
        raise PictureError("damaged HDR")
    return np.frombuffer(bytes(channel), np.uint8)


def _in_strips(rows, width, remarks):
    """Strips in sRGB from rows of light [W, C]."""
    held, count = [], raster.strip_rows(width)
    for row in rows:
        held.append(row)
        if len(held) == count:
            yield _to_image(np.stack(held), remarks), None
            held = []
    if held:
        yield _to_image(np.stack(held), remarks), None


def _to_image(light, remarks):
    """A strip in sRGB of light [rows, W, C]."""
    if light.max() > 1 and not remarks:
        remarks.append(BRIGHTER)
    if not np.isfinite(light).all():
        raise PictureError("it holds numbers that are not finite")
    image = color_spaces.linear_srgb().to_srgb(255 * light)
    return image if image.shape[2] == 3 else np.repeat(image, 3, axis=2)


def open_pfm(file: TimedFile) -> Raster:
    """Open a picture in PFM: rows of floats from the bottom up."""
    file.seek(0)
    words = []
    for _ in range(_LINES):
        words += re.sub(rb"#.*", b"", file.readline(1024)).split()
        if len(words) >= 4:
            break
    kind, width, height, scale = words[0], int(words[1]), int(words[2]), float(words[3])
    channels, order, start = 3 if kind == b"PF" else 1, "<" if scale < 0 else ">", file.tell()

    def strips():
        count = raster.strip_rows(width)
        for top in range(0, height, count):
            rows = min(count, height - top)
            file.seek(start + 4 * channels * width * (height - top - rows))
            data = file.read(4 * channels * width * rows)
            if len(data) < 4 * channels * width * rows:
                raise PictureError("truncated PFM")
            yield _to_image(np.frombuffer(data, f"{order}f4").reshape(rows, width, channels)[::-1], remarks), None

    remarks = []
    return Raster("PFM", (height, width), (height, width), strips, space="linear light", remarks=remarks)


def open_pam(file: TimedFile) -> Raster:
    """Open a picture in PAM, Netpbm's P7: grey or RGB, with or without alpha, of 8 or 16 bits."""
    file.seek(len(PAM_SIGNATURE))
    facts = {}
    for _ in range(_LINES):
        name, _, value = file.readline(1024).strip().partition(b" ")
        if name == b"ENDHDR":
            break
        facts.setdefault(name, value.strip())
    width, height, channels, white = (int(facts[name]) for name in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL"))
    if not 1 <= channels <= 4 or not 1 <= white <= 65535:
        raise PictureError(f"it is a PAM of {channels} channels up to {white}; save it as PNG")
    start, size = file.tell(), 1 if white < 256 else 2

    def strips():
        file.seek(start)
        count = raster.strip_rows(width)
        for top in range(0, height, count):
            rows = min(count, height - top)
            data = file.read(size * channels * width * rows)
            if len(data) < size * channels * width * rows:
                raise PictureError("truncated PAM")
            values = np.frombuffer(data, f">u{size}").reshape(rows, width, channels).astype(np.float32)
            values = np.minimum(values / np.float32(white), 1)
            opacity = values[:, :, -1] if channels in (2, 4) else None
            colors = values if opacity is None else values[:, :, :-1]
            image = color_spaces.convert(255 * colors, None)
            yield (image if opacity is None else raster.blend(image, opacity)), opacity

    return Raster("PAM", (height, width), (height, width), strips)
