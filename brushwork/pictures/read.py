"""Reading: a picture file -> an image, float32 [H, W, 3], RGB, 0..255, in sRGB."""

import io
import logging
import os
import sys
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats, unsupported

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow's limit: a small file could unpack to more than the memory holds

# Mode -> the mode to which Pillow converts it without loss. Modes of one channel and more than 8 bits: see _levels.
_LOSSLESS_MODES = {"1": "L", "La": "LA"} | dict.fromkeys(("P", "PA", "RGBa"), "RGBA")
_LOSSLESS_MODES |= dict.fromkeys(("RGBX", "YCbCr", "HSV", "LAB"), "RGB")
_DAMAGED_PROFILE = ImageCms.PyCMSError, OSError, TypeError, ValueError

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # the PictureError has the same text


class Picture(NamedTuple):
    """The contents of a picture file."""

    image: np.ndarray  # float32 [H, W, 3], RGB, 0..255, blended with white
    opacity: np.ndarray | None  # float32 [H, W], 0..1; None if every pixel is opaque
    profile: str | None  # the name of the ICC profile that the picture was converted from; None: no profile, or sRGB
    frames: int = 1  # in the file; the image is the first frame


def image(path: str | os.PathLike) -> np.ndarray:
    """Read the image in a file: float32 [H, W, 3], RGB, 0..255, blended with white. See `picture`."""
    return picture(path).image


def picture(path: str | os.PathLike) -> Picture:
    """Read a picture file: upright, in sRGB.

    Applies the EXIF orientation and the ICC profile (perceptual intent). Of an animation, the first frame is read.
    16-bit grey keeps its precision; of 16-bit colour, Pillow reads the upper 8 bits.

    Raises PictureError, and nothing else, whatever is in the file. During the call, everything that this process writes
    to standard error is discarded.
    """
    opened = None
    try:
        with files.open_regular(path) as file, _silence():
            check_supported(path, file)
            opened = Image.open(file, formats=[kind.name for kind in formats.readable_formats()])
            return _decode(opened)
    except Exception as error:  # decoders raise struct.error, SyntaxError, OverflowError and many others
        reason = _reason(error, opened.format if opened else "picture")
        reason += unsupported.missing_file_hint(path) if isinstance(error, FileNotFoundError) else ""
        raise PictureError(f"cannot read {path}: {reason}") from error


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
    if reason := unsupported.reason(path, head):
        raise PictureError(reason)


@contextmanager
def _silence():
    """Discard warnings and the messages that C libraries (libtiff) write to file descriptor 2."""
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


def _decode(pil_image):
    """Load a picture of Pillow and convert it to a Picture."""
    # Pillow leaves pixels black that no strip or tile of a TIFF covers: a few bytes could fill the memory.
    covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in pil_image.tile)
    if pil_image.format == "TIFF" and covered < pil_image.width * pil_image.height:
        raise PictureError("truncated TIFF")
    _scale_key(pil_image)
    pil_image.load()
    with suppress(Exception):  # damaged EXIF data does not make the pixels unreadable
        ImageOps.exif_transpose(pil_image, in_place=True)
    image, opacity = from_pillow(pil_image)
    opaque = opacity is None or opacity.min() == 1
    profile = _profile_name(pil_image.info.get("icc_profile"))
    return Picture(image, None if opaque else opacity, profile, _frames(pil_image))


def _frames(pil_image):
    """Return the number of frames of an animation, or of pages of a TIFF.

    1 for other formats: what Pillow counts there, such as previews in a JPEG, are not frames.
    """
    with suppress(Exception):  # the frames after the first may be damaged
        return pil_image.n_frames if pil_image.format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF") else 1
    return 1


def _scale_key(pil_image):
    """Scale the transparent colour of a PNG to 8 bits, as Pillow scales the pixels."""
    if "transparency" in pil_image.info and pil_image.tile:
        key, rawmode = pil_image.info["transparency"], pil_image.tile[0][3]
        if rawmode in ("L;2", "L;4"):
            pil_image.info["transparency"] = key * {"L;2": 85, "L;4": 17}[rawmode]
        elif rawmode == "RGB;16B":
            pil_image.info["transparency"] = tuple(value >> 8 for value in key)


def from_pillow(pil_image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Convert a picture of Pillow, of any mode, to (image, opacity) as in `Picture`.

    The opacity may be 1 everywhere. White is 65535 in modes I;16 and I. In mode F, white is the first of 1, 255 and
    65535 that is at least half of the greatest value. Values are clipped to black and white.
    Raises PictureError if a value is greater than twice white, or not finite.
    """
    icc, key, opacity = pil_image.info.get("icc_profile"), pil_image.info.get("transparency"), None
    if pil_image.mode in _LOSSLESS_MODES:
        key = key if pil_image.mode == "1" else None
        pil_image = pil_image.convert(_LOSSLESS_MODES[pil_image.mode])
    if pil_image.mode in ("LA", "RGBA"):
        opacity = np.asarray(pil_image.getchannel("A")).astype(np.float32) / 255
        pil_image = pil_image.convert(pil_image.mode[:-1])
    elif key is not None:
        opacity = np.atleast_3d(np.asarray(pil_image) != key).any(axis=2).astype(np.float32)
    image = _color(pil_image, icc) if pil_image.mode in ("RGB", "CMYK") else _grey(pil_image, icc)
    return image if opacity is None else 255 + (image - 255) * opacity[:, :, np.newaxis], opacity


def _color(pil_image, icc, flags=ImageCms.Flags.NONE):
    """Convert a picture of mode L, RGB or CMYK to an image in sRGB. A profile that is not valid is ignored."""
    if icc:
        with suppress(*_DAMAGED_PROFILE):  # damaged, or for other channels
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space == "RGB " and pil_image.mode == "L":
                pil_image = pil_image.convert("RGB")
            srgb = ImageCms.createProfile("sRGB")
            pil_image = ImageCms.profileToProfile(pil_image, profile, srgb, outputMode="RGB", flags=flags)
    return np.asarray(pil_image.convert("RGB")).astype(np.float32)


def _profile_name(icc):
    """Return the name of an ICC profile; None if there is no profile, if it is sRGB or if it is damaged."""
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))).strip()
    except _DAMAGED_PROFILE:
        return None
    return None if "sRGB" in name else "".join(filter(str.isprintable, name))[:60] or None


def _grey(pil_image, icc):
    """Convert a picture of one channel to an image in sRGB.

    Pillow applies ICC profiles to 8 bits only, so the profile is applied to 256 levels and interpolated between them.
    """
    grey = _levels(pil_image)
    if not icc:
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    exact = ImageCms.Flags.NOOPTIMIZE  # without it, dark grey in a linear profile is wrong by up to 10 of 255
    ramp = _color(Image.frombytes("L", (256, 1), bytes(range(256))), icc, exact)[0]  # [256, 3]
    return np.dstack([np.interp(grey, np.arange(256), levels).astype(np.float32) for levels in ramp.T])


def _levels(pil_image):
    """Convert a picture of one channel and any depth to float32 [H, W], 0..255."""
    values = np.asarray(pil_image)
    if pil_image.mode == "L":
        return values.astype(np.float32)
    whites = (1, 255, 65535) if pil_image.mode == "F" else (65535,)
    if getattr(pil_image, "tag_v2", {}).get(ExifTags.Base.BitsPerSample) == (12,):
        whites = (4095,)
    least, greatest = float(values.min()), float(values.max())
    if not np.isfinite(least) or greatest > 2 * whites[-1]:
        raise PictureError(f"its values range from {least:g} to {greatest:g}; white must be at most {whites[-1]}")
    white = next(white for white in whites if greatest <= 2 * white)
    return np.clip(values.astype(np.float32) * 255 / white, 0, 255)
