"""Writing: an image, float [H, W, 3], RGB, 0..255 -> a picture file, written completely or not at all."""

import importlib.util
import io
import os
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import putchunk

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats
from brushwork.pictures.metadata import save_options


def save(
    path: str | os.PathLike,
    image: np.ndarray,
    *,
    metadata: dict[str, Any] | None = None,
    depth: int = 8,
    opacity: np.ndarray | None = None,
    replacing: Callable[[str], AbstractContextManager[BinaryIO]] | None = None,
) -> None:
    """Write an image in the format of the extension of `path`.

    image: float [H, W, 3], RGB, 0..255; values are clipped and rounded. metadata: what `metadata.about` returns; it is
    stored if the format has a place for it. depth: 8 or 16 bits a channel. opacity: float [H, W], 0..1; None: opaque.
    replacing: opens the file, as files.replacing does, which is the default.

    If writing fails, an existing file does not change. Raises PictureError; ValueError if a value is not finite.
    """
    kind = check_format(path, *image.shape[:2], depth=depth, transparent=opacity is not None)
    if not np.isfinite(image).all():
        raise ValueError("the image has values that are not finite")
    channels = image if opacity is None else np.dstack([image, 255 * opacity])
    levels = quantize(channels, depth=depth)  # [H, W, 3 or 4]
    options = save_options(kind, metadata)
    encoded = io.BytesIO()  # encoders that write to a file hide why writing fails
    try:
        if depth == 16:  # Pillow cannot write colour with more than 8 bits a channel
            encode = _encode_png_16 if kind.name == "PNG" else _encode_tiff_16
            encode(encoded, levels, options)
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
    if depth == 16 and kind.name == "TIFF" and importlib.util.find_spec("tifffile") is None:
        raise PictureError(f"cannot write {path}: --depth 16 in TIFF needs tifffile: python -m pip install tifffile")
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
    last = (b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")
    file.write(b"\x89PNG\r\n\x1a\n")
    for kind, data, *_ in ((b"IHDR", header), (b"sRGB", b"\0"), *texts, *last):
        putchunk(file, kind, data)


def _encode_tiff_16(file, levels, options):
    """Write uint16 [H, W, 3 or 4] as TIFF."""
    import tifffile

    tags = options.get("tiffinfo", {})
    texts = {"description": tags.get(ExifTags.Base.ImageDescription), "software": tags.get(ExifTags.Base.Software)}
    extra = ["unassalpha"] if levels.shape[2] == 4 else None
    tifffile.imwrite(file, levels, photometric="rgb", metadata=None, extrasamples=extra, **texts)
