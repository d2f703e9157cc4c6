"""Reading: the picture in a file as an image, float32 [H, W, 3], RGB, 0..255, in sRGB."""

import io
import logging
import os
import sys
import warnings
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats, unsupported

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow refuses more: a small file could fill the memory

# Modes that Pillow converts without loss. Those of one channel and more than 8 bits are scaled by _levels instead.
_PLAINER_MODES = {"1": "L", "La": "LA"} | dict.fromkeys(("P", "PA", "RGBa"), "RGBA")
_PLAINER_MODES |= dict.fromkeys(("RGBX", "YCbCr", "HSV", "LAB"), "RGB")
_DAMAGED_PROFILE = ImageCms.PyCMSError, OSError, TypeError, ValueError

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # the PictureError says what it would log


class Picture(NamedTuple):
    """The picture in a file."""

    image: np.ndarray  # over white: float32 [H, W, 3], RGB, 0..255
    opacity: np.ndarray | None  # float32 [H, W], 0..1; None if everything is opaque
    profile: str | None  # the name of the ICC profile it was converted from; None if there was none, or sRGB
    frames: int = 1  # in the file; the image is the first one


def image(path):
    """The image in a file, as `picture` reads it."""
    return picture(path).image


def picture(path):
    """The Picture in a file, upright and converted to sRGB.

    Applies the EXIF orientation and the ICC profile (perceptual intent). An animation gives its first frame. 16-bit
    grey keeps its precision; of 16-bit colour Pillow reads the upper 8 bits. Raises PictureError, and nothing else,
    whatever is in the file. During the call, everything that this process writes to standard error is discarded.
    """
    opened = None
    try:
        with files.open_regular(path) as file, _silence():
            check_supported(path, file)
            opened = Image.open(file, formats=[kind.name for kind in formats.readable_formats()])
            return _decode(opened)
    except Exception as error:  # decoders raise struct.error, SyntaxError, OverflowError and many others
        reason = _reason(error, opened.format if opened else "picture")
        reason += unsupported.missing_file_hint(os.fspath(path)) if isinstance(error, FileNotFoundError) else ""
        raise PictureError(f"cannot read {path}: {reason}") from error


def check_supported(path, file):
    """Raise PictureError if an open file is of a kind that this program cannot read as a picture."""
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
    """Discard warnings, and what C libraries (libtiff) write to file descriptor 2."""
    with warnings.catch_warnings(), open(os.devnull, "w") as null, ExitStack() as undo:
        warnings.simplefilter("ignore")
        if sys.stderr is not None:  # a process without standard error may have any file as descriptor 2
            terminal = os.dup(2)
            undo.callback(os.close, terminal)
            undo.callback(os.dup2, terminal, 2)
            os.dup2(null.fileno(), 2)
        yield


def _reason(error, kind):
    """Why a picture could not be read. kind: its format, as far as it is known."""
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


def _decode(picture):
    """The Picture in a Pillow picture that is not loaded yet."""
    # Pillow leaves black what no strip or tile of a TIFF covers: a few bytes could fill the memory.
    covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in picture.tile)
    if picture.format == "TIFF" and covered < picture.width * picture.height:
        raise PictureError("truncated TIFF")
    _scale_key(picture)
    picture.load()
    with suppress(Exception):  # a picture with damaged EXIF data is still a picture
        ImageOps.exif_transpose(picture, in_place=True)
    image, opacity = from_pillow(picture)
    opaque = opacity is None or opacity.min() == 1
    profile = _profile_name(picture.info.get("icc_profile"))
    return Picture(image, None if opaque else opacity, profile, _frames(picture))


def _frames(picture):
    """The number of frames of an animation, or of pages of a TIFF. Other files have parts that are no pictures."""
    with suppress(Exception):  # the frames after the first may be damaged
        return picture.n_frames if picture.format in ("GIF", "PNG", "WEBP", "AVIF", "TIFF") else 1
    return 1


def _scale_key(picture):
    """Scale the transparent colour of a PNG, which Pillow leaves in the depth of the file, to that of the pixels."""
    if "transparency" in picture.info and picture.tile:
        key, rawmode = picture.info["transparency"], picture.tile[0][3]
        if rawmode in ("L;2", "L;4"):
            picture.info["transparency"] = key * {"L;2": 85, "L;4": 17}[rawmode]
        elif rawmode == "RGB;16B":
            picture.info["transparency"] = tuple(value >> 8 for value in key)


def from_pillow(picture):
    """(image, opacity) of a Pillow picture of any mode, as in `Picture`; the opacity may be 1 everywhere.

    White is 65535 in modes I;16 and I. In mode F it is the first of 1, 255 and 65535 that is at least half of the
    greatest value. Values outside black and white are clipped. PictureError: one is above twice white, or not finite.
    """
    icc, key, opacity = picture.info.get("icc_profile"), picture.info.get("transparency"), None
    if picture.mode in _PLAINER_MODES:
        key = key if picture.mode == "1" else None
        picture = picture.convert(_PLAINER_MODES[picture.mode])
    if picture.mode in ("LA", "RGBA"):
        opacity = np.asarray(picture.getchannel("A")).astype(np.float32) / 255
        picture = picture.convert(picture.mode[:-1])
    elif key is not None:
        opacity = np.atleast_3d(np.asarray(picture) != key).any(axis=2).astype(np.float32)
    image = _color(picture, icc) if picture.mode in ("RGB", "CMYK") else _grey(picture, icc)
    return image if opacity is None else 255 + (image - 255) * opacity[:, :, np.newaxis], opacity


def _color(picture, icc, flags=ImageCms.Flags.NONE):
    """The image of a picture in mode L, RGB or CMYK, converted from its ICC profile if that is valid."""
    if icc:
        with suppress(*_DAMAGED_PROFILE):  # with a damaged profile, or one for other channels, it is still a picture
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space == "RGB " and picture.mode == "L":
                picture = picture.convert("RGB")
            srgb = ImageCms.createProfile("sRGB")
            picture = ImageCms.profileToProfile(picture, profile, srgb, outputMode="RGB", flags=flags)
    return np.asarray(picture.convert("RGB")).astype(np.float32)


def _profile_name(icc):
    """The name of an ICC profile, or None if there is no profile, or it is sRGB, or it is damaged."""
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))).strip()
    except _DAMAGED_PROFILE:
        return None
    return None if "sRGB" in name else "".join(filter(str.isprintable, name))[:60] or None


def _grey(picture, icc):
    """The image of a picture of one channel. Pillow applies profiles to 8 bits only; finer grey is interpolated."""
    grey = _levels(picture)
    if not icc:
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    exact = ImageCms.Flags.NOOPTIMIZE  # otherwise dark grey in a linear profile is wrong by up to 10 of 255
    ramp = _color(Image.frombytes("L", (256, 1), bytes(range(256))), icc, exact)[0]  # [256, 3]
    return np.dstack([np.interp(grey, np.arange(256), levels).astype(np.float32) for levels in ramp.T])


def _levels(picture):
    """The grey of a picture of one channel and any depth: float32 [H, W], 0..255."""
    values = np.asarray(picture)
    if picture.mode == "L":
        return values.astype(np.float32)
    whites = (1, 255, 65535) if picture.mode == "F" else (65535,)
    if getattr(picture, "tag_v2", {}).get(ExifTags.Base.BitsPerSample) == (12,):
        whites = (4095,)
    least, greatest = float(values.min()), float(values.max())
    if not np.isfinite(least) or greatest > 2 * whites[-1]:
        raise PictureError(f"values of {least:g} to {greatest:g}, where white should be {whites[-1]} at most")
    white = next(white for white in whites if greatest <= 2 * white)
    return np.clip(values.astype(np.float32) * 255 / white, 0, 255)
