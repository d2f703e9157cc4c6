"""Writing: an image, float [H, W, 3], RGB, 0..255 -> a picture file, written completely or not at all."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, TiffTags
from PIL.PngImagePlugin import putchunk
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats
from brushwork.pictures.exif import Photograph
from brushwork.pictures.metadata import save_options

STRIP_BYTES = 1 << 18  # of a strip of a TIFF, about, before it is compressed
_DIRECTORIES = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo


def save(
    path: str | os.PathLike,
    image: np.ndarray,
    *,
    metadata: dict[str, Any] | None = None,
    depth: int = 8,
    opacity: np.ndarray | None = None,
    photograph: Photograph | None = None,
    replacing: Callable[[str], AbstractContextManager[BinaryIO]] | None = None,
) -> None:
    """Write an image in the format of the extension of `path`.

    image: float [H, W, 3], RGB, 0..255; values are clipped and rounded. metadata: what `metadata.about` returns; it is
    stored if the format has a place for it. depth: 8 or 16 bits a channel. opacity: float [H, W], 0..1; None: opaque.
    photograph: metadata of the content to keep, also where there is a place.
    replacing: opens the file, as files.replacing does, which is the default.

    If writing fails, an existing file does not change. Raises PictureError; ValueError if a value is not finite.
    """
    kind = check_format(path, *image.shape[:2], depth=depth, transparent=opacity is not None)
    if not np.isfinite(image).all():
        raise ValueError("the image has values that are not finite")
    channels = image if opacity is None else np.dstack([image, 255 * opacity])
    levels = quantize(channels, depth=depth)  # [H, W, 3 or 4]
    options = save_options(kind, metadata, photograph)
    encoded = io.BytesIO()  # encoders that write to a file hide why writing fails
    try:
        if kind.name == "TIFF":
            _encode_tiff(encoded, levels, options.get("tiffinfo", {}))
        elif depth == 16:  # Pillow cannot write colour with more than 8 bits a channel
            _encode_png_16(encoded, levels, options)
        else:
            Image.fromarray(levels).save(encoded, format=kind.name, **(kind.save_options or {}), **options)
        with (replacing or files.replacing)(path) as file:
            file.write(encoded.getbuffer())
    except OSError as error:
        raise PictureError(f"cannot write {path}: {error.strerror or error}") from error


def quantize(image: np.ndarray, *, depth: int = 8) -> np.ndarray:
    """Convert an image to the integers of a picture file.

    image: float of any shape; black is 0, white is 255. Values are clipped to 0..255 and rounded; halves are rounded
    to the even integer. depth: 8 or 16 bits. Returns uint8, 0..255, or uint16, 0..65535.
    """
    white, integer = (65535, np.uint16) if depth == 16 else (255, np.uint8)
    return np.rint(np.clip(image, 0, 255) * (white / 255)).astype(integer)


def has_format(path: str | os.PathLike) -> bool:
    """Return whether `path` has the extension of a picture format."""
    return formats.format_of(path) is not None


def check_format(
    path: str | os.PathLike,
    height: int | None = None,
    width: int | None = None,
    *,
    depth: int = 8,
    transparent: bool = False,
) -> formats.Format:
    """Return the Format for the extension of `path`.

    Raises PictureError if the format cannot store a picture of this size (px), depth (bits a channel) and transparency.
    """
    kind = formats.format_of(path)
    if kind is None or not formats.is_writable(kind):
        raise PictureError(f"cannot write {path}: unknown picture format; use .jpg, .png, .webp or .tiff")
    if depth == 16 and not kind.depth_16:
        raise PictureError(f"cannot write {path}: {kind.name} cannot store 16 bits a channel; use .png or .tiff")
    if transparent and not kind.transparency:
        raise PictureError(f"cannot write {path}: {kind.name} cannot store transparency; use .png, .webp or .tiff")
    side, limit = max(height or 0, width or 0), kind.longest_side
    if side > limit:
        raise PictureError(f"cannot write {path}: a side has {side} pixels, {kind.name} allows {limit}; use .png")
    return kind


def _encode_png_16(file, levels, options):
    """Write uint16 [H, W, 3 or 4] as PNG (ISO 15948), with filter 2: each row minus the row above."""
    height, width, channels = levels.shape
    rows = levels.astype(">u2").view(np.uint8).reshape(height, -1)
    differences = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # modulo 256
    filtered = np.hstack([np.full((height, 1), 2, np.uint8), differences])
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    texts = options["pnginfo"].chunks if options else []
    texts += [(b"eXIf", options["exif"].tobytes().removeprefix(b"Exif\0\0"))] if "exif" in options else []
    last = (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")
    file.write(b"\x89PNG\r\n\x1a\n")
    for kind, data, *_ in ((b"IHDR", header), (b"sRGB", b"\0"), *texts, *last):
        putchunk(file, kind, data)


def _encode_tiff(file, levels, tags):
    """Write uint8 or uint16 [H, W, 3 or 4] as TIFF, with Deflate and differences along the rows (TIFF 6.0, section 14).

    tags: of the picture; a dictionary is a directory of its own. Pillow writes neither 16 bits nor such directories.
    """
    height, width, channels = levels.shape
    rows = max(1, STRIP_BYTES // levels[0].nbytes)
    differences = np.diff(levels, axis=1, prepend=np.zeros_like(levels[:, :1]))  # modulo 256 or 65536
    little = differences.astype(levels.dtype.newbyteorder("<"), copy=False)
    strips = [zlib.compress(np.ascontiguousarray(little[top : top + rows])) for top in range(0, height, rows)]
    directory = ImageFileDirectory_v2()
    Tag = ExifTags.Base
    facts = {Tag.ImageWidth: width, Tag.ImageLength: height, Tag.BitsPerSample: (8 * levels.itemsize,) * channels}
    facts |= {Tag.Compression: 8, Tag.PhotometricInterpretation: 2, Tag.SamplesPerPixel: channels, Tag.Predictor: 2}
    facts |= {Tag.RowsPerStrip: rows, Tag.PlanarConfiguration: 1} | ({Tag.ExtraSamples: 2} if channels == 4 else {})
    directory.tagtype |= dict.fromkeys((Tag.StripOffsets, Tag.StripByteCounts, *_DIRECTORIES), TiffTags.LONG)
    for tag, value in (tags | facts | {Tag.StripByteCounts: tuple(map(len, strips))}).items():
        directory[tag] = value
    # From the end of the directories: `tobytes` adds their length.
    directory[Tag.StripOffsets] = tuple(map(int, np.cumsum([0, *map(len, strips[:-1])])))
    file.write(b"II*\0" + struct.pack("<I", 8) + directory.tobytes(8))
    file.writelines(strips)
