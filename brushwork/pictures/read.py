"""Reading: a picture file -> an image, float32 [H, W, 3], RGB, 0..255, in sRGB."""

import os
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import (
    exif,
    float_formats,
    formats,
    pillow_formats,
    png,
    sizes,
    tiff,
    tiff_file,
    unsupported,
    variants,
)
from brushwork.pictures.pillow_formats import Wanted
from brushwork.pictures.raster import MAX_PIXELS, Raster, TimedFile


class Picture(NamedTuple):
    """The contents of a picture file."""

    image: np.ndarray  # float32 [H, W, 3], RGB, 0..255, blended with white
    opacity: np.ndarray | None  # float32 [H, W], 0..1; None if every pixel is opaque
    profile: str | None  # the name of the colour space that the picture was converted from; None: sRGB, or not said
    frames: int = 1  # in the file; the image is the first frame
    full_size: tuple[int, int] = (0, 0)  # (height, width) in the file, upright, px
    photograph: exif.Photograph | None = None  # what EXIF and XMP say
    remarks: tuple[str, ...] = ()  # what is unusual, as ends of a sentence that begins with the file's name
    kind: str = ""  # the name of the file's format


def image(path: str | os.PathLike) -> np.ndarray:
    """Read the image in a file: float32 [H, W, 3], RGB, 0..255, blended with white. See `picture`."""
    return picture(path).image


def picture(path: str | os.PathLike, wanted: Wanted | None = None) -> Picture:
    """Read a picture file: upright, in sRGB.

    Applies the orientation, and the colour space that a profile or other facts in the file describe (perceptual
    intent). Of an animation, the first frame is read; of a TIFF, the first picture that is no thumbnail.

    wanted(height, width): the size to resize the picture to, given its size in the file. The picture is resized in
    strips, so that it is never in memory in its own size; values may overshoot 0..255, as those of `sizes.resample`.

    Raises PictureError, and nothing else, whatever is in the file. C libraries may write to standard
    error: see `quiet`.
    """
    raster = None
    try:
        with files.open_regular(existing(path)) as opened, TimedFile(opened) as file:
            check_supported(path, file)
            raster = _open(file, wanted)
            return _picture(raster, file, wanted)
    except Exception as error:  # decoders raise struct.error, SyntaxError, OverflowError and many others
        reason = _reason(error, raster.kind if raster else "picture")
        reason += unsupported.missing_file_hint(path) if isinstance(error, FileNotFoundError) else ""
        raise PictureError(f"cannot read {path}: {reason}") from error


def existing(path: str | os.PathLike) -> str | os.PathLike:
    """The path of a file by a name that looks the same: accents are one character or two, and not all systems agree.

    Returns `path` if it exists, or if no such file does.
    """
    name = os.fspath(path)
    if isinstance(name, str) and not name.isascii() and not os.path.lexists(name):
        for form in ("NFC", "NFD"):
            if os.path.lexists(other := unicodedata.normalize(form, name)):
                return other
    return path


def _open(file, wanted) -> Raster:
    """Read the header of a picture."""
    head = file.read(16)
    file.seek(0)
    for signature, opener in _OPENERS.items():
        if head.startswith(signature):
            return opener(file)
    try:
        return pillow_formats.open_pillow(file, wanted)
    except UnidentifiedImageError:
        if description := variants.describe(file):
            raise PictureError(description) from None
        raise


_OPENERS = {
    png.SIGNATURE: png.open_png,
    tiff_file.SIGNATURES: tiff.open_tiff,
    float_formats.HDR_SIGNATURES: float_formats.open_hdr,
    float_formats.PFM_SIGNATURES: float_formats.open_pfm,
    float_formats.PAM_SIGNATURE: float_formats.open_pam,
}


def _picture(raster, file, wanted):
    """Decode a Raster, in the size that is wanted."""
    height, width = raster.full_size
    if min(height, width) < 1:
        raise PictureError(f"damaged {raster.kind}")
    if height * width > MAX_PIXELS:
        raise PictureError(f"more than the limit of {MAX_PIXELS} pixels")
    file.allow(height * width)
    swaps = exif.swaps(raster.orientation)
    full_size = (width, height) if swaps else (height, width)
    size = raster.size
    if wanted is not None:
        size = wanted(*full_size)
        size = size[::-1] if swaps else size
        size = raster.size if size == raster.full_size else size

    def strips():
        for image, opacity in raster.strips():
            file.check()
            yield image if opacity is None else np.dstack([image, opacity])

    channels = exif.upright(sizes.resample_strips(strips(), raster.size, size), raster.orientation)
    image, opacity = np.ascontiguousarray(channels[:, :, :3]), None
    if channels.shape[2] == 4:
        opacity = np.clip(channels[:, :, 3], 0, 1)
    opaque = opacity is None or opacity.min() == 1
    return Picture(
        image,
        None if opaque else opacity,
        raster.space,
        raster.frames,
        full_size,
        raster.photograph(),
        tuple(raster.remarks),
        raster.kind,
    )


def check_supported(path: str | os.PathLike, file: BinaryIO) -> None:
    """Raise PictureError, with the remedy, if an open file is of a kind that cannot be read as a picture.

    file: at its beginning, where it is left.
    """
    head = file.read(unsupported.HEAD)
    file.seek(0)
    brand = unsupported.brand(head)
    if brand in unsupported.HEIF_BRANDS and not formats.register_heif():
        raise PictureError("HEIC needs pillow-heif: python -m pip install pillow-heif; or save it as JPEG or PNG")
    if brand in unsupported.AVIF_BRANDS and "AVIF" not in (kind.name for kind in formats.readable_formats()):
        raise PictureError("this Pillow cannot read AVIF: python -m pip install -U pillow; or save it as JPEG or PNG")
    if head.startswith(unsupported.JXL_SIGNATURES) and not formats.register_jxl():
        raise PictureError(f"it is a JPEG XL picture, {formats.JXL_REMEDY}")
    if reason := unsupported.reason(path, head):
        raise PictureError(reason)


@contextmanager
def quiet() -> Iterator[None]:
    """Discard the warnings of Pillow and what C libraries (libtiff) write to standard error.

    This changes the whole process, so it is for the command, and for no other thread.
    """
    with warnings.catch_warnings(), open(os.devnull, "w") as null, ExitStack() as undo:
        warnings.simplefilter("ignore")
        if sys.stderr is not None:  # without standard error, descriptor 2 may be any file
            terminal = os.dup(2)
            undo.callback(os.close, terminal)
            undo.callback(os.dup2, terminal, 2)
            os.dup2(null.fileno(), 2)
        yield


def _reason(error, kind):
    """Return why a picture could not be read. kind: the name of its format, or "picture"."""
    if isinstance(error, PictureError):
        return str(error)
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than the limit of {MAX_PIXELS} pixels"
    if isinstance(error, MemoryError):
        return "not enough memory"
    damage = "truncated" if "truncated" in str(error).lower() else "damaged"
    return getattr(error, "strerror", None) or f"{damage} {kind}"
