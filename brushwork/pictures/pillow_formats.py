"""The formats that Pillow decodes, as rasters, with what it does not apply: colours, and alpha that is no opacity."""

import struct
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, exif, formats, jpeg2000, raster
from brushwork.pictures.color_spaces import ColorSpace
from brushwork.pictures.raster import Raster, Strip, TimedFile

# Mode -> the mode to which Pillow converts it without loss. Modes of one channel and more than 8 bits: see _levels.
_LOSSLESS_MODES = {"1": "L", "La": "LA"} | dict.fromkeys(("P", "PA", "RGBa"), "RGBA")
_LOSSLESS_MODES |= dict.fromkeys(("RGBX", "YCbCr", "HSV", "LAB"), "RGB")
_LARGE = 40_000_000  # pixels of a picture that is reduced while it is decoded, where the format can
_IN_ROWS = "BMP", "PPM", "TGA"  # formats whose files may have the rows of the picture as they are
MOST_MEMORY = 1_000_000_000  # bytes, for a picture that Pillow decodes as a whole
_BYTES_PER_PIXEL = {"WEBP": 16, "QOI": 7, "SGI": 6, "GIF": 1}  # as measured; 4 for others
_NCLX_WITHIN = 65536  # bytes: the boxes before the pixels of AVIF and HEIC

Wanted = Callable[[int, int], tuple[int, int]]  # (height, width) of an upright picture -> the size that is needed


def open_pillow(file: TimedFile, wanted: Wanted | None = None) -> Raster:
    """Open a picture with Pillow. Raises what Pillow does; UnidentifiedImageError if it is in no known format."""
    pil_image = identify(file)
    icc = None
    if pil_image.format == "JPEG2000":
        header = jpeg2000.read_header(file)
        if max(header.depths) > 8:
            return jpeg2000.open_deep(file, header)
        icc = header.icc
    height, width = full_size = pil_image.height, pil_image.width
    orientation = _orientation(pil_image)
    if pil_image.tile and pil_image.tile[0][0] == "ppm_plain":  # Pillow takes a block's comments out one by one
        file.block = 1 << 16
    if pil_image.format in ("JPEG", "MPO"):
        raster.check_scans(_count_scans(file), height * width)
    if wanted and _LARGE < height * width <= raster.MAX_PIXELS:
        _reduce(pil_image, wanted, orientation)
    space = icc or _space(pil_image, file)
    box = _frame(pil_image)

    def strips():
        if (parts := _raw_strips(pil_image, file)) is not None:
            yield from (from_pillow(part, space) for part in parts)
            return
        _check_memory(pil_image)
        pil_image.load()
        if _has_no_opacity(pil_image, file):
            pil_image.putalpha(255)
        frame = pil_image if box is None else pil_image.crop((box[0], box[1], box[0] + box[2], box[1] + box[3]))
        found = _strips(frame, space, is_matted=_is_matted(pil_image))
        yield from found if box is None else raster.pad(found, box, full_size)

    name = space.name if isinstance(space, ColorSpace) else color_spaces.profile_name(space)
    size = pil_image.height, pil_image.width
    frames = _frames(pil_image)
    return Raster(pil_image.format, size, full_size, strips, orientation, name, frames, lambda: _photograph(pil_image))


def identify(file: TimedFile) -> Image.Image:
    """Read the header of a picture with Pillow, without the warnings of Image.open about its size."""
    head = file.read(16)
    for kind in formats.readable_formats():
        factory, accept = Image.OPEN[kind.name]
        accepted = not accept or accept(head)
        if isinstance(accepted, str):
            raise PictureError(accepted)
        if not accepted:
            continue
        file.seek(0)
        with suppress(SyntaxError, IndexError, TypeError, struct.error):  # as Image.open does
            return factory(file, "")
    raise UnidentifiedImageError


def _photograph(pil_image):
    """What EXIF and XMP say of the photograph."""
    xmp = pil_image.info.get("xmp")
    return exif.photograph(pil_image.info.get("exif"), xmp if isinstance(xmp, bytes) else None)


def _count_scans(file):
    """Count the start markers of scans (ITU-T T.81, B.1.1): in the data of a scan, 0 follows 255."""
    count, last, place = 0, b"", file.tell()
    file.seek(0)
    while block := file.read(1 << 20):
        count += (last + block).count(b"\xff\xda")
        last = block[-1:]
    file.seek(place)
    return count


def _orientation(pil_image):
    with suppress(Exception):  # damaged EXIF data does not make the pixels unreadable
        found = pil_image.getexif().get(ExifTags.Base.Orientation)
        return found if found in range(1, 9) else 1
    return 1


def _reduce(pil_image, wanted, orientation):
    """Let Pillow decode a picture at a fraction of its size, at least twice the size that is needed."""
    height, width = pil_image.height, pil_image.width
    size = (width, height) if exif.swaps(orientation) else (height, width)
    needed = wanted(*size)
    share = max(2 * new / side for side, new in zip(size, needed, strict=True))
    if pil_image.format == "JPEG":
        pil_image.draft(None, (max(1, int(width * share)), max(1, int(height * share))))
    elif pil_image.format == "JPEG2000" and share < 0.5:
        pil_image.reduce = min(5, int(-np.log2(share)))


def _space(pil_image, file) -> bytes | ColorSpace | None:
    """The colour space of a picture, by its profile or otherwise."""
    if icc := pil_image.info.get("icc_profile"):
        return icc
    if pil_image.format in ("AVIF", "HEIF"):
        file.seek(0)
        return color_spaces.nclx_of(file.read(_NCLX_WITHIN))
    if pil_image.format in ("JPEG", "MPO"):
        with suppress(Exception):
            if pil_image.getexif().get_ifd(ExifTags.IFD.Interop).get(ExifTags.Interop.InteropIndex) == "R03":
                return color_spaces.adobe_rgb()  # JEITA CP-3461B (DCF 2.0), option file
    return None


def _raw_strips(pil_image, file):
    """The strips of a large opaque picture whose rows are stored one after another, or None."""
    is_large = pil_image.width * pil_image.height > _LARGE // 4
    if not is_large or len(pil_image.tile) != 1 or pil_image.mode not in ("L", "RGB"):
        return None
    codec, _, offset, arguments = pil_image.tile[0]
    if codec != "raw" or pil_image.format not in _IN_ROWS:  # others have raw data too, but not in the file
        return None
    given = (arguments,) if isinstance(arguments, str) else tuple(arguments)
    rawmode, stride, direction = (*given, *(None, 0, 1)[len(given) :])
    if rawmode not in ("L", "RGB", "BGR"):
        return None
    return _rows_of_file(pil_image, file, offset, rawmode, stride or pil_image.width * len(rawmode), direction)


def _rows_of_file(pil_image, file, offset, rawmode, stride, direction):
    height, width = pil_image.height, pil_image.width
    rows = raster.strip_rows(width)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        file.seek(offset + stride * (top if direction > 0 else height - top - count))
        data = file.read(stride * count)
        if len(data) < stride * count:
            raise PictureError(f"truncated {pil_image.format}")
        yield Image.frombytes(pil_image.mode, (width, count), data, "raw", rawmode, stride, direction)


def _check_memory(pil_image):
    """Raise PictureError if Pillow would take much memory: it decodes these formats as a whole."""
    needed = _BYTES_PER_PIXEL.get(pil_image.format, 4) * pil_image.width * pil_image.height
    if needed > MOST_MEMORY:
        kind, size = pil_image.format, f"{pil_image.width}x{pil_image.height}"
        raise PictureError(
            f"{kind} of {size} pixels takes {needed / 1e9:.1f} GB to decode; save it as PNG, TIFF or JPEG"
        )


def _frame(pil_image):
    """(left, top, width, height) of the first frame of a GIF that does not cover its picture, else None."""
    if pil_image.format != "GIF" or not pil_image.tile:
        return None
    left, top, right, bottom = pil_image.tile[0][1]
    covers = (left, top) == (0, 0) and right >= pil_image.width and bottom >= pil_image.height
    return None if covers else (left, top, right - left, bottom - top)


def _has_no_opacity(pil_image, file):
    """Whether the alpha channel of a loaded picture is not its opacity."""
    if pil_image.mode not in ("LA", "RGBA"):
        return False
    if pil_image.format == "PSD":
        return not _has_merged_alpha(file)
    if pil_image.format in ("TGA", "BMP", "DIB", "ICO", "DDS"):
        file.seek(17)
        unused = pil_image.format == "TGA" and not file.read(1)[0] & 15  # attribute bits of a pixel
        return unused or pil_image.getchannel("A").getextrema() == (0, 0)
    return False


def _has_merged_alpha(file):
    """Whether the fourth channel of a PSD is the transparency of its layers: their number is negative then."""
    file.seek(26)
    for _ in range(2):  # colours of a palette; resources
        (length,) = struct.unpack(">I", file.read(4))
        file.seek(length, 1)
    both, layers, count = struct.unpack(">IIh", file.read(10).ljust(10, b"\0"))
    return bool(both and layers) and count < 0


def _is_matted(pil_image):
    """Whether a loaded PSD with transparency is laid over white: Photoshop does so, and some other programs do not."""
    if pil_image.format != "PSD" or pil_image.mode not in ("LA", "RGBA"):
        return False
    rows = raster.strip_rows(pil_image.width)
    for top in range(0, pil_image.height, rows):
        strip = pil_image.crop((0, top, pil_image.width, min(top + rows, pil_image.height)))
        *colors, alpha = (np.asarray(band).astype(np.int16) for band in strip.split())
        if any((color + alpha < 253).any() for color in colors):  # darker than white that shows through
            return False
    return True


def _strips(pil_image, space, *, is_matted=False):
    """The strips of a loaded picture. is_matted: whether its colours are blended with white already."""
    if is_matted:
        colors, alpha = pil_image.convert(pil_image.mode[:-1]), pil_image.getchannel("A")
        for (image, _), (opacity, _) in zip(_strips(colors, space), _strips(alpha, None), strict=True):
            yield image, opacity[:, :, 0] / 255
        return
    if pil_image.mode == "F":  # white is found in the whole picture
        yield from_pillow(pil_image, space)
        return
    rows = raster.strip_rows(pil_image.width)
    for top in range(0, pil_image.height, rows):
        yield from_pillow(pil_image.crop((0, top, pil_image.width, min(top + rows, pil_image.height))), space)


def _frames(pil_image):
    """Return the number of frames of an animation.

    1 for other formats: what Pillow counts there, such as previews in a JPEG, are not frames.
    """
    with suppress(Exception):  # the frames after the first may be damaged
        return pil_image.n_frames if pil_image.format in ("GIF", "WEBP", "AVIF") else 1
    return 1


def from_pillow(pil_image: Image.Image, space: bytes | ColorSpace | None = None) -> Strip:
    """Convert a picture of Pillow, of any mode, to (image, opacity) as in `read.Picture`.

    The opacity may be 1 everywhere. White is 65535 in modes I;16 and I. In mode F, white is the first of 1, 255 and
    65535 that is at least half of the greatest value. Values are clipped to black and white.
    Raises PictureError if a value is greater than twice white, or not finite.
    """
    key, opacity = pil_image.info.get("transparency"), None
    if pil_image.mode in _LOSSLESS_MODES:
        is_opaque = pil_image.mode == "P" and not pil_image.has_transparency_data
        key = key if pil_image.mode == "1" else None
        pil_image = pil_image.convert("RGB" if is_opaque else _LOSSLESS_MODES[pil_image.mode])
    if pil_image.mode in ("LA", "RGBA"):
        opacity = np.asarray(pil_image.getchannel("A")).astype(np.float32) / 255
        pil_image = pil_image.convert(pil_image.mode[:-1])
    elif key is not None:
        opacity = np.atleast_3d(np.asarray(pil_image) != key).any(axis=2).astype(np.float32)
    is_color = pil_image.mode in ("RGB", "CMYK")
    levels = np.asarray(pil_image).astype(np.float32) if is_color else _levels(pil_image)[:, :, np.newaxis]
    image = color_spaces.convert(levels, space)
    return (image if opacity is None else raster.blend(image, opacity)), opacity


def _levels(pil_image):
    """Convert a picture of one channel and any depth to float32 [H, W], 0..255."""
    values = np.asarray(pil_image)
    if pil_image.mode == "L":
        return values.astype(np.float32)
    whites = (1, 255, 65535) if pil_image.mode == "F" else (65535,)
    white = white_of(float(values.min()), float(values.max()), whites)
    return np.clip(values.astype(np.float32) * np.float32(255 / white), 0, 255)


def white_of(least: float, greatest: float, whites: tuple[float, ...]) -> float:
    """The number that stands for white: the first of `whites` that is at least half of the greatest value.

    Raises PictureError if none is, or if a value is not finite.
    """
    if not np.isfinite(least + greatest) or greatest > 2 * whites[-1]:
        raise PictureError(f"its values range from {least:g} to {greatest:g}; white must be at most {whites[-1]:g}")
    return next(white for white in whites if greatest <= 2 * white)
