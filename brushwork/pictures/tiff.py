"""TIFF: samples of any depth and format, in strips, tiles or planes, in the colours of their tags.

Pillow takes some kinds for others. Here it only unpacks the data of one strip or tile after another (its libtiff does),
as rows of bytes; what they mean is decided by the tags.
"""

import io
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, exif, formats, raster, tiff_file
from brushwork.pictures.pillow_formats import white_of
from brushwork.pictures.raster import Raster, TimedFile

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR, _LAB, _ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
_CHANNELS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3, _LAB: 3, _ICC_LAB: 3}
_BYTES = (5, 8, 32773, 32946, 34925, 50000)  # compressions of bytes: LZW, Deflate, PackBits, LZMA, Zstandard
_FAX, _JPEG, _DEFLATE = (2, 3, 4), 7, (8, 32946)
_JXL = (50002, 52546)
_WHOLE = {50001: "WEBP", 34712: "JPEG2000", 33004: "JPEG2000", 33005: "JPEG2000"} | dict.fromkeys(_JXL, "JXL")
_OF_CODECS = (259, 266, 292, 293, 347, 529, 530, 531)  # tags that change how data are decoded
_NAMES = {6: "old-style JPEG", 34661: "JBIG", 34676: "SGI Log", 34677: "SGI Log", 34887: "LERC", 50002: "JPEG XL"}
_NAMES |= {52546: "JPEG XL", 34712: "JPEG 2000", 50000: "Zstandard", 50001: "WebP", 34925: "LZMA", 32809: "ThunderScan"}
_PHOTOMETRICS = {4: "a mask", 10: "ITU Lab", 32803: "camera raw", 34892: "camera raw", 32844: "LogL", 32845: "LogLuv"}
_FULL_RANGE = (0, 255, 128, 255, 128, 255)  # black and white of Y', Cb and Cr
_REMEDY = "save it with 8 bits, or as PNG"
_FORMATS = {1: "u", 2: "i", 3: "f", 4: "u"}  # SampleFormat; 4: undefined


class _Layout(NamedTuple):
    """How the samples of a page are stored."""

    height: int
    width: int
    channels: int  # of a pixel
    bits: int  # of a sample
    format: str  # "u", "i" or "f"
    planar: bool
    cell: tuple[int, int]  # (height, width) of a strip or tile
    is_tiled: bool
    places: tuple[tuple[int, int], ...]  # (offset, length) of each strip or tile


def open_tiff(file: TimedFile) -> Raster:
    """Read the directories of a TIFF: of the first picture that is no thumbnail."""
    page, frames = tiff_file.read_page(file)
    layout = _layout(page)
    _check(page, layout)
    icc = page.tags.get(tiff_file.ICC)
    space = icc if isinstance(icc, bytes) and icc else _own_space(page)
    name = color_spaces.profile_name(space) if isinstance(space, bytes) else space and space.name
    size = layout.height, layout.width

    def strips():
        white = _white(file, page, layout)
        for samples in _samples(file, page, layout):
            yield _to_image(samples, page, layout, white, space)

    orientation = page.get(tiff_file.ORIENTATION, 1)
    orientation = orientation if orientation in range(1, 9) else 1
    return Raster("TIFF", size, size, strips, orientation, name, frames, lambda: _photograph(file, page))


def _photograph(file, page):
    """What EXIF and XMP say of the photograph."""
    data = Image.Exif()
    with suppress(Exception):  # damaged data is no reason to refuse the picture
        data.endian = page.order
        data.load_from_fp(file, page.offset)
    xmp = page.tags.get(tiff_file.XMP)
    return exif.photograph(data, bytes(xmp) if xmp else None)


def _layout(page):
    """The _Layout of a page. Raises PictureError if its tags contradict each other."""
    get = page.get
    height, width, channels = get(tiff_file.HEIGHT, 0), get(tiff_file.WIDTH, 0), get(tiff_file.SAMPLES, 1)
    bits, kinds = page.tags.get(tiff_file.BITS, (1,)), page.tags.get(tiff_file.SAMPLE_FORMAT, (1,))
    if not (height > 0 and width > 0 and 0 < channels <= 64):
        raise PictureError("damaged TIFF")
    if len(set(bits[:channels])) > 1 or len(set(kinds[:channels])) > 1 or kinds[0] not in _FORMATS:
        raise PictureError(f"its channels differ in depth or format (TIFF {list(bits)}); {_REMEDY}")
    tiled = tiff_file.TILE_WIDTH in page.tags
    cell = min(get(tiff_file.STRIP_ROWS, height) or height, height), width
    cell = (get(tiff_file.TILE_HEIGHT, 0), get(tiff_file.TILE_WIDTH, 0)) if tiled else cell
    places = (tiff_file.TILE_OFFSETS, tiff_file.TILE_COUNTS)
    places = places if tiled else (tiff_file.STRIP_OFFSETS, tiff_file.STRIP_COUNTS)
    offsets, counts = (page.tags.get(tag, ()) for tag in places)
    planar = get(tiff_file.PLANAR, 1) == 2 and channels > 1
    if min(cell) < 1 or cell[0] * cell[1] > 2 * (height + 4096) * (width + 4096):
        raise PictureError("damaged TIFF")
    cells = -(-height // cell[0]) * -(-width // cell[1]) * (channels if planar else 1)
    if not counts and len(offsets) == 1:
        counts = (-1,)  # to the end of the file
    if len(offsets) < cells or len(counts) < cells:
        raise PictureError("truncated TIFF")
    places = tuple(zip(offsets[:cells], counts[:cells], strict=True))
    return _Layout(height, width, channels, bits[0], _FORMATS[kinds[0]], planar, cell, tiled, places)


def _check(page, layout):
    """Raise PictureError, with the remedy, if this program cannot read a kind of TIFF."""
    photometric, compression = page.get(tiff_file.PHOTOMETRIC, 1), page.get(tiff_file.COMPRESSION, 1)
    if tiff_file.DNG_VERSION in page.tags or photometric in (32803, 34892):
        raise PictureError("it is a camera raw file; export it as TIFF or JPEG")
    if photometric not in _CHANNELS or layout.channels < _CHANNELS[photometric]:
        name = _PHOTOMETRICS.get(photometric, f"photometric interpretation {photometric}")
        raise PictureError(f"it is a TIFF of {name} in {layout.channels} channels, which cannot be read; {_REMEDY}")
    if photometric == _CMYK and page.get(tiff_file.INK_SET, 1) != 1:
        raise PictureError(f"its inks are not cyan, magenta, yellow and black; {_REMEDY}")
    known = (1, *_BYTES, *_FAX, _JPEG, *_WHOLE)
    if compression in _JXL and not formats.register_jxl():
        raise PictureError(f"it is a TIFF in JPEG XL, {formats.JXL_REMEDY}")
    if compression not in known:
        name = _NAMES.get(compression, f"compression {compression}")
        raise PictureError(f"it is a TIFF whose data are in {name}; save it with LZW or no compression")
    if layout.format == "i":
        raise PictureError(f"it is a TIFF of signed numbers; {_REMEDY}")
    if photometric == _YCBCR and compression != _JPEG:
        black_white = tuple(page.tags.get(tiff_file.BLACK_WHITE, _FULL_RANGE))
        is_plain = layout.bits == 8 and not layout.planar and page.get(tiff_file.PREDICTOR, 1) == 1
        if not is_plain or black_white != _FULL_RANGE:
            raise PictureError(f"it is a TIFF in Y'CbCr of a rare kind; {_REMEDY}")
    is_number = layout.bits in (16, 32, 64) if layout.format == "f" else layout.bits in (*range(1, 17), 32)
    is_lab = photometric in (_LAB, _ICC_LAB) and (layout.format == "f" or layout.bits not in (8, 16))
    if not layout.bits > 0 or not is_number or is_lab or (photometric == _PALETTE and layout.bits > 16):
        raise PictureError(f"it is a TIFF with samples of {layout.bits} bits; {_REMEDY}")


def _own_space(page):
    """The colour space in the tags for white and primaries (TIFF 6.0, section 20); None without them."""
    white, primaries = page.tags.get(tiff_file.WHITE_POINT, ()), page.tags.get(tiff_file.PRIMARIES, ())
    if len(white) != 2 or len(primaries) != 6:
        return None
    return color_spaces.of_gamma(None, (*zip(primaries[::2], primaries[1::2], strict=True), white))


def _samples(file, page, layout) -> Iterator[np.ndarray]:
    """Strips [rows, W, channels] of the samples as stored, from rows of cells."""
    step, held = raster.strip_rows(layout.width), []
    for rows in _rows_of_cells(file, page, layout):
        held.append(rows)
        if (count := sum(map(len, held))) >= step:
            whole = held[0] if len(held) == 1 else np.concatenate(held)
            yield from (whole[begin : begin + step] for begin in range(0, count, step))
            held = []
    if held:
        yield np.concatenate(held)


def _rows_of_cells(file, page, layout):
    """The samples [rows, W, channels] of the cells beside each other, from top to bottom."""
    down, across = layout.cell
    if _is_streamed(page, layout):
        for row, place in enumerate(layout.places):
            yield from _streamed(file, page, layout, place, min(down, layout.height - row * down))
        return
    columns, planes = -(-layout.width // across), layout.channels if layout.planar else 1
    per_plane = len(layout.places) // planes
    for row, top in enumerate(range(0, layout.height, down)):
        rows = min(down, layout.height - top)
        parts = []
        for plane in range(planes):
            first = plane * per_plane + row * columns
            cells = [_cell(file, page, layout, place, rows) for place in layout.places[first : first + columns]]
            parts.append(np.concatenate([cell[:rows] for cell in cells], axis=1)[:, : layout.width])
        yield parts[0] if planes == 1 else np.concatenate(parts, axis=2)


def _is_streamed(page, layout):
    """Whether a strip can be read by some rows at a time: one may hold the whole picture."""
    is_bytes = page.get(tiff_file.PHOTOMETRIC) != _YCBCR and page.get(tiff_file.FILL_ORDER, 1) == 1
    known = page.get(tiff_file.COMPRESSION, 1) in (1, *_DEFLATE)
    return known and is_bytes and not layout.is_tiled and not layout.planar


def _streamed(file, page, layout, place, rows):
    """The samples [n, W, channels] of a strip, in parts."""
    row_bytes, step = -(-layout.width * layout.channels * layout.bits // 8), raster.strip_rows(layout.width)
    counts = [min(step, rows - top) for top in range(0, rows, step)]
    lengths = [count * row_bytes for count in counts]
    if page.get(tiff_file.COMPRESSION, 1) == 1:
        blocks = (_read(file, place, index * step * row_bytes, length) for index, length in enumerate(lengths))
    else:
        blocks = raster.inflated(file, [place], "TIFF", lengths)
    for count, block in zip(counts, blocks, strict=True):
        raw = np.frombuffer(block, np.uint8).reshape(count, row_bytes)
        yield _numbers(raw, (count, layout.width, layout.channels), page, layout)


def _read(file, place, start, length):
    """`length` bytes of a strip from `start` on."""
    if 0 <= place[1] < start + length:
        raise PictureError("truncated TIFF")
    file.seek(place[0] + start)
    data = file.read(length)
    if len(data) < length:
        raise PictureError("truncated TIFF")
    return data


def _cell(file, page, layout, place, rows):
    """The samples [rows, W, channels] of a strip or tile; channels is 1 in planes."""
    offset, length = place
    file.seek(offset)
    data = file.read(length)
    if len(data) < max(1, length):
        raise PictureError("truncated TIFF")
    height, width = layout.cell if layout.is_tiled else (rows, layout.width)
    shape = height, width, 1 if layout.planar else layout.channels
    compression = page.get(tiff_file.COMPRESSION, 1)
    if compression in _WHOLE:
        return _decoded(data, _WHOLE[compression], shape)
    if compression == _JPEG:
        raster.check_scans(data.count(b"\xff\xda"), height * width)
    if compression in (*_FAX, _JPEG):
        return _decoded(_page_of(page, data, shape), "TIFF", shape)
    if page.get(tiff_file.FILL_ORDER, 1) == 2:
        data = np.packbits(np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")).tobytes()
    if page.get(tiff_file.PHOTOMETRIC) == _YCBCR:
        return _from_ycbcr(data, page, shape)
    raw = _unpacked(data, compression, height, -(-width * shape[2] * layout.bits // 8))
    return _numbers(raw, shape, page, layout)


def _page_of(page, data, shape):
    """A TIFF file of one strip or tile, whose samples depend on tags."""
    height, width, channels = shape
    kept = {tag: value for tag, value in page.tags.items() if tag in _OF_CODECS}
    is_fax = page.get(tiff_file.COMPRESSION) in _FAX
    photometric = _BLACK_IS_ZERO if is_fax else page.get(tiff_file.PHOTOMETRIC, 1)  # Pillow inverts the other kind
    bits = (page.get(tiff_file.BITS, 1),) * channels
    tags = kept | {tiff_file.WIDTH: (width,), tiff_file.HEIGHT: (height,), tiff_file.STRIP_ROWS: (height,)}
    tags |= {tiff_file.PHOTOMETRIC: (photometric,), tiff_file.BITS: bits, tiff_file.SAMPLES: (channels,)}
    return tiff_file.write_page(tags, data, page.order)


def _decoded(encoded, kind, shape):
    """The samples [rows, W, channels] of a picture of Pillow that holds one strip or tile."""
    with Image.open(io.BytesIO(encoded), formats=[kind]) as pil_image:
        if pil_image.height * pil_image.width > max(2 * shape[0] * shape[1], 1 << 24):
            raise PictureError("damaged TIFF")
        array = np.atleast_3d(np.asarray(pil_image))
    rows, width, channels = shape
    if array.shape[0] < rows or array.shape[1] < width or array.shape[2] < channels:
        raise PictureError("damaged TIFF")
    return array[:rows, :width, :channels]


def _from_ycbcr(data, page, shape):
    """RGB [rows, W, 3] in bytes of Y'CbCr, whose Cb and Cr are of blocks of pixels (TIFF 6.0, section 21)."""
    height, width, _ = shape
    across, down = page.tags.get(tiff_file.SUBSAMPLING, (2, 2))[:2]
    rows, columns = -(-height // down), -(-width // across)
    raw = _unpacked(data, page.get(tiff_file.COMPRESSION, 1), rows, columns * (across * down + 2))
    units = raw.reshape(rows, columns, -1)
    luma = units[:, :, :-2].reshape(rows, columns, down, across).swapaxes(1, 2).reshape(rows * down, -1)
    chroma = units[:, :, -2:].repeat(down, axis=0).repeat(across, axis=1)
    ycbcr = np.dstack([luma, chroma])[:height, :width]
    return np.asarray(Image.fromarray(np.ascontiguousarray(ycbcr), "YCbCr").convert("RGB"))


def _unpacked(data, compression, rows, length):
    """The bytes of some rows, uint8 [rows, length], in compressed data."""
    if compression == 1:
        raw = np.frombuffer(data, np.uint8)[: rows * length]
    elif compression in _DEFLATE:
        raw = np.frombuffer(zlib.decompressobj().decompress(data, rows * length), np.uint8)
    else:  # as grey of 8 bits
        tags = {tiff_file.WIDTH: (length,), tiff_file.HEIGHT: (rows,), tiff_file.STRIP_ROWS: (rows,)}
        tags |= {tiff_file.BITS: (8,), tiff_file.SAMPLES: (1,), tiff_file.PHOTOMETRIC: (_BLACK_IS_ZERO,)}
        encoded = tiff_file.write_page(tags | {tiff_file.COMPRESSION: (compression,)}, data, "<")
        raw = _decoded(encoded, "TIFF", (rows, length, 1)).reshape(-1)
    if len(raw) < rows * length:
        raise PictureError("truncated TIFF")
    return raw.reshape(rows, length)


def _numbers(raw, shape, page, layout):
    """The samples [rows, W, channels] in rows of bytes, with the predictor undone."""
    predictor, count = page.get(tiff_file.PREDICTOR, 1), shape[1] * shape[2]
    if layout.bits in (8, 16, 32, 64):
        size = layout.bits // 8
        if predictor == 3 and layout.format == "f":
            sums = np.cumsum(raw.reshape(shape[0], -1, shape[2]), axis=1, dtype=np.uint8).reshape(shape[0], size, -1)
            return np.ascontiguousarray(sums.swapaxes(1, 2)).view(f">f{size}").reshape(shape)
        if predictor == 2:
            values = np.ascontiguousarray(raw).view(f"{page.order}u{size}").reshape(shape)
            sums = np.cumsum(values, axis=1, dtype=f"u{size}")
            return sums.view(f"{layout.format}{size}")
        return np.ascontiguousarray(raw).view(f"{page.order}{layout.format}{size}").reshape(shape)
    if predictor != 1:
        raise PictureError("damaged TIFF")
    bits = np.unpackbits(raw, axis=1)[:, : count * layout.bits].reshape(-1, layout.bits)
    padded = np.pad(bits, ((0, 0), ((8 if layout.bits < 8 else 16) - layout.bits, 0)))
    packed = np.packbits(padded, axis=1)
    return (packed if layout.bits < 8 else packed.view(">u2")).reshape(shape)


def _white(file, page, layout):
    """The number that stands for white."""
    if layout.format != "f" and layout.bits < 32:
        return (1 << layout.bits) - 1
    whites = (1, 255, 65535) if layout.format == "f" else (65535, (1 << 32) - 1)
    channels = _CHANNELS[page.get(tiff_file.PHOTOMETRIC, 1)]
    strips = (strip[:, :, :channels] for strip in _samples(file, page, layout))
    ends = np.array([(strip.min(), strip.max()) for strip in strips], float)
    return white_of(ends[:, 0].min(), ends[:, 1].max(), whites)


def _to_image(samples, page, layout, white, space):
    """A strip in sRGB over white, and its opacity, from samples [rows, W, channels]."""
    photometric = page.get(tiff_file.PHOTOMETRIC, 1)
    used, opacity = _CHANNELS[photometric], None
    extras = page.tags.get(tiff_file.EXTRA_SAMPLES, ())
    alpha = next((index for index, kind in enumerate(extras) if kind in (1, 2)), None)
    if alpha is not None and used + alpha < samples.shape[2]:
        opacity = np.clip(samples[:, :, used + alpha].astype(np.float32) / np.float32(white), 0, 1)
    colors = samples[:, :, :used]
    if photometric == _PALETTE:
        image = _palette(page)[colors[:, :, 0]]
    elif photometric in (_LAB, _ICC_LAB):
        image, space = color_spaces.lab_to_srgb(_lab(colors, photometric, layout.bits)), None
    else:
        image = np.clip(colors.astype(np.float32) * np.float32(255 / white), 0, 255)
        image = 255 - image if photometric == _WHITE_IS_ZERO else image
    if opacity is not None and extras[alpha] == 1:  # the colours are multiplied by it
        image = np.minimum(image / np.maximum(opacity, 1e-6)[:, :, np.newaxis], 255)
    image = color_spaces.convert(image, space)
    return (image if opacity is None else raster.blend(image, opacity)), opacity


def _palette(page):
    """The colours of a palette, float32 [N, 3], 0..255: of 16 bits, or of 8 if no number is larger."""
    values = np.array(page.tags.get(tiff_file.COLOR_MAP, ()), np.float32)
    if len(values) != 3 << page.get(tiff_file.BITS, 1):
        raise PictureError("damaged TIFF: its palette has the wrong length")
    return values.reshape(3, -1).T / np.float32(257 if values.max() > 255 else 1)


def _lab(samples, photometric, bits):
    """L* 0..100, a* and b* in samples: TIFF 6.0, section 23, and supplement 2 for ICC Lab; float64 [H, W, 3]."""
    unit = 1 << (bits - 8)  # of a* and b*
    if photometric == _ICC_LAB:
        return np.dstack([samples[:, :, :1] * (100 / (255 * unit)), samples[:, :, 1:] / unit - 128])
    signed = samples[:, :, 1:].astype(np.uint8 if bits == 8 else np.uint16).view(np.int8 if bits == 8 else np.int16)
    return np.dstack([samples[:, :, :1] * (100 / ((1 << bits) - 1)), signed / unit])
