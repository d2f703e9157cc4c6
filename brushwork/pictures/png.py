"""PNG (ISO 15948): all 16 bits, in strips, with the colours that its chunks describe.

Pillow gives 8 bits of colour, and decodes a picture as a whole. The filters work on each byte of a pixel by itself, so
some bytes of each pixel are a PNG of their own with fewer channels, and so are some rows: Pillow decodes those.
"""

import io
import itertools
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, exif, raster
from brushwork.pictures.color_spaces import ColorSpace
from brushwork.pictures.raster import Raster, TimedFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)  # Adam7
_TEXTS = {b"iTXt": b"XML:com.adobe.xmp", b"zTXt": b"Raw profile type"}  # the beginnings of texts that are read
_MOST = 20_000_000  # bytes of a chunk that holds no pixels


class _Png(NamedTuple):
    """The header of a PNG and where its pixels are."""

    width: int  # of the frame
    height: int
    depth: int
    color_type: int
    interlaced: bool
    chunks: dict[bytes, bytes]  # the first of each type that holds no pixels
    data: list[tuple[int, int]]  # (offset, length) of the compressed pixels of the first frame

    @property
    def channels(self):
        return _CHANNELS[self.color_type]

    def row_bytes(self, width):
        """The bytes of a row of `width` pixels."""
        return -(-width * self.channels * self.depth // 8)


def open_png(file: TimedFile) -> Raster:
    """Read the header of a PNG. Of an animation, the strips are those of the first frame."""
    chunks, data, frame = _read_chunks(file)
    width, height, depth, color_type, compression, filters, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    if not width or not height or depth not in _DEPTHS.get(color_type, ()) or compression or filters or interlaced > 1:
        raise PictureError("damaged PNG")
    if color_type == 3 and not chunks.get(b"PLTE"):
        raise PictureError("damaged PNG: it has no palette")
    box = (0, 0, width, height)
    if frame and not (box[2] >= frame[0] + frame[2] > frame[0] and box[3] >= frame[1] + frame[3] > frame[1]):
        raise PictureError("damaged PNG")
    frame = frame or box
    png = _Png(frame[2], frame[3], depth, color_type, bool(interlaced), chunks, data)
    space = _space(chunks)

    def strips():
        found = (_to_image(samples, png, space) for samples in _samples(file, png))
        return found if frame == box else raster.pad(found, frame, (height, width))

    name = space.name if isinstance(space, ColorSpace) else color_spaces.profile_name(space)
    frames = struct.unpack_from(">I", chunks[b"acTL"])[0] if b"acTL" in chunks else 1
    data, xmp = _exif_and_xmp(chunks)
    size, orientation = (height, width), exif.orientation(data, xmp)
    return Raster("PNG", size, size, strips, orientation, name, max(1, frames), lambda: exif.photograph(data, xmp))


def _read_chunks(file):
    """(chunks, places of the pixels, (left, top, width, height) of the first frame if the pixels are not in IDAT)."""
    chunks, data, frame, controls = {}, [], None, 0
    file.seek(len(SIGNATURE))
    while len(head := file.read(8)) == 8:
        (length, kind), offset = struct.unpack(">I4s", head), file.tell()
        if kind == b"IHDR" or (_is_kept(kind, length, chunks)):
            content = file.read(length)
            if kind in (b"IHDR", b"PLTE") and file.read(4) != struct.pack(">I", zlib.crc32(kind + content)):
                raise PictureError("damaged PNG")
            if kind not in _TEXTS or content.startswith(_TEXTS[kind]):
                chunks.setdefault(kind, content)
        elif kind == b"fcTL":
            controls += 1
            if controls == 1 and b"IDAT" not in chunks and b"acTL" in chunks and data:
                data, frame = [], _frame(file.read(length))
        elif kind == b"IDAT" or (kind == b"fdAT" and frame and controls == 1 and length > 4):
            skipped = 4 if kind == b"fdAT" else 0
            data.append((offset + skipped, length - skipped))
        if kind == b"IEND":
            break
        file.seek(offset + length + 4)
    return chunks, data, frame


def _is_kept(kind, length, chunks):
    """Whether the content of a chunk is read."""
    return kind not in (b"IDAT", b"fdAT", b"fcTL", b"tEXt") and length <= _MOST and kind not in chunks


def _exif_and_xmp(chunks):
    """(EXIF, XMP) in the chunks for them, or as ImageMagick writes EXIF, in hexadecimal text."""
    data, xmp = chunks.get(b"eXIf"), None
    with suppress(zlib.error, ValueError, IndexError):
        name, _, text = chunks.get(b"iTXt", b"").partition(b"\0")
        _, _, content = text[2:].split(b"\0", 2)
        if name == b"XML:com.adobe.xmp":
            xmp = zlib.decompressobj().decompress(content, _MOST) if text[:1] == b"\1" else content
    with suppress(zlib.error, ValueError, IndexError):
        name, _, text = chunks.get(b"zTXt", b"").partition(b"\0")
        if data is None and name in (b"Raw profile type exif", b"Raw profile type APP1"):
            words = zlib.decompressobj().decompress(text[1:], _MOST).split()
            data = bytes.fromhex(b"".join(words[2:]).decode())
    return data, xmp


def _frame(control):
    """(left, top, width, height) in a frame control chunk."""
    width, height, left, top = struct.unpack_from(">4I", control, 4)
    return left, top, width, height


def _space(chunks) -> bytes | ColorSpace | None:
    """The colour space that a PNG describes; which chunk counts is in the third edition of the standard, 4.3."""
    if b"cICP" in chunks:
        primaries, transfer, matrix, is_full = struct.unpack_from("4B", chunks[b"cICP"])
        if matrix or is_full != 1:
            raise PictureError("its colours are not RGB of full range (cICP); save it in sRGB")
        return color_spaces.of_code_points(primaries, transfer)
    if b"iCCP" in chunks:
        with suppress(zlib.error, IndexError):
            _, _, compressed = chunks[b"iCCP"].partition(b"\0")
            return zlib.decompressobj().decompress(compressed[1:], _MOST)
    if b"sRGB" in chunks:
        return None
    gamma, primaries = None, None
    with suppress(struct.error):
        gamma = struct.unpack(">I", chunks.get(b"gAMA", b""))[0] / 100_000
    with suppress(struct.error):
        white_x, white_y, *rest = (each / 100_000 for each in struct.unpack(">8I", chunks.get(b"cHRM", b"")))
        primaries = (*zip(rest[::2], rest[1::2], strict=True), (white_x, white_y))
    return color_spaces.of_gamma(gamma, primaries)


def _samples(file, png) -> Iterator[np.ndarray]:
    """Strips [rows, W, channels] of the samples as stored, uint8 or uint16."""
    rows = raster.strip_rows(png.width)
    if not png.interlaced:
        counts = [min(rows, png.height - top) for top in range(0, png.height, rows)]
        blocks = raster.inflated(file, png.data, "PNG", [count * (1 + png.row_bytes(png.width)) for count in counts])
        yield from _unfiltered(blocks, png, png.width)
        return
    whole = np.empty((png.height, png.width, png.channels), np.uint16 if png.depth == 16 else np.uint8)
    passes = [part for top, left, down, across in _PASSES if (part := whole[top::down, left::across]).size]
    counts = [[min(rows, len(part) - top) for top in range(0, len(part), rows)] for part in passes]
    lengths = [1 + png.row_bytes(part.shape[1]) for part in passes]
    sizes = [count * length for each, length in zip(counts, lengths, strict=True) for count in each]
    blocks = raster.inflated(file, png.data, "PNG", sizes)
    for part, each in zip(passes, counts, strict=True):
        top = 0
        for strip in _unfiltered(itertools.islice(blocks, len(each)), png, part.shape[1]):
            part[top : top + len(strip)] = strip
            top += len(strip)
    yield from (whole[top : top + rows] for top in range(0, png.height, rows))


def _unfiltered(blocks, png, width):
    """Strips of samples from blocks of filtered rows, each with the byte of its filter before it."""
    length, above = png.row_bytes(width), None
    step = max(1, png.channels * png.depth // 8)  # bytes of a pixel, or 1
    for block in blocks:
        filtered = np.frombuffer(block, np.uint8).reshape(-1, 1 + length)
        above = np.zeros(length, np.uint8) if above is None else above
        lanes = 4 if step % 4 == 0 else 3 if step % 3 == 0 else 1  # that Pillow decodes at once
        parts, raw = filtered[:, 1:].reshape(len(filtered), -1, step), np.empty((len(filtered), length), np.uint8)
        into = raw.reshape(parts.shape)
        for lane in range(0, step, lanes):
            first = above.reshape(1, -1, step)[:, :, lane : lane + lanes]
            into[:, :, lane : lane + lanes] = _decode(filtered[:, :1], parts[:, :, lane : lane + lanes], first)
        above = raw[-1]
        yield _unpacked(raw, width, png)


def _decode(filters, part, above):
    """Let Pillow undo the filters of rows [n, W, lanes] below a row [1, W, lanes]: uint8 [n, W, lanes]."""
    rows, width, lanes = part.shape
    header = struct.pack(">IIBBBBB", width, rows + 1, 8, {1: 0, 3: 2, 4: 6}[lanes], 0, 0, 0)
    filters = np.concatenate([np.zeros((1, 1), np.uint8), filters])
    pixels = np.concatenate([above, part]).reshape(rows + 1, -1)
    data = zlib.compress(np.hstack([filters, pixels]).tobytes(), 0)
    chunks = (b"IHDR", header), (b"IDAT", data), (b"IEND", b"")
    encoded = SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return np.asarray(Image.open(io.BytesIO(encoded), formats=["PNG"])).reshape(rows + 1, width, lanes)[1:]


def _unpacked(raw, width, png):
    """The samples [rows, W, channels] in rows of bytes."""
    if png.depth == 16:
        return raw.view(">u2").reshape(len(raw), width, png.channels)
    if png.depth == 8:
        return raw.reshape(len(raw), width, png.channels)
    bits = np.unpackbits(raw, axis=1).reshape(len(raw), -1, png.depth)[:, :width]
    return np.packbits(bits, axis=2) >> (8 - png.depth)


def _to_image(samples, png, space):
    """A strip in sRGB over white, and its opacity, from samples [rows, W, channels]."""
    key, opacity, white = png.chunks.get(b"tRNS"), None, (1 << png.depth) - 1
    if png.color_type == 3:
        colors = np.zeros((256, 3), np.uint8)
        palette = np.frombuffer(png.chunks[b"PLTE"][:768], np.uint8)
        colors[: len(palette) // 3] = palette[: len(palette) // 3 * 3].reshape(-1, 3)
        if key:
            alphas = np.full(256, 255, np.uint8)
            alphas[: len(key)] = np.frombuffer(key[:256], np.uint8)
            opacity = alphas[samples[:, :, 0]].astype(np.float32) / 255
        samples, white = colors[samples[:, :, 0]], 255
    elif png.color_type in (4, 6):
        opacity = samples[:, :, -1].astype(np.float32) / white
        samples = samples[:, :, :-1]
    elif key and len(key) >= 2 * png.channels:
        color = np.frombuffer(key[: 2 * png.channels], ">u2") & white
        opacity = (samples != color).any(axis=2).astype(np.float32)
    image = color_spaces.convert(samples.astype(np.float32) * np.float32(255 / white), space)
    return (image if opacity is None else raster.blend(image, opacity)), opacity
