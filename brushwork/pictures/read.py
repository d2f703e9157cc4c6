"""Reading: the picture in a file as an image, float32 [H, W, 3], RGB, 0..255, in sRGB."""

import io
import logging
import os
import sys
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow refuses more: a small file could fill the memory

# Modes that Pillow converts without loss. Those of one channel and more than 8 bits are scaled by _levels instead.
_PLAINER_MODES = {"1": "L", "La": "LA", "P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
_PLAINER_MODES |= {"YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # the PictureError says what it would log


class Picture(NamedTuple):
    """The picture in a file."""

    image: np.ndarray  # over white: float32 [H, W, 3], RGB, 0..255
    opacity: np.ndarray | None  # float32 [H, W], 0..1; None if everything is opaque
    profile: str | None  # the name of the ICC profile it was converted from; None if there was none, or sRGB


def image(path):
    """The image in a file, as `picture` reads it."""
    return picture(path).image


def picture(path):
    """The Picture in a file, upright and converted to sRGB.

    Applies the EXIF orientation and the ICC profile (perceptual intent). An animation gives its first frame. 16-bit
    grey keeps its precision; of 16-bit colour Pillow reads the upper 8 bits. Raises PictureError, and nothing else,
    whatever is in the file. During the call, everything that this process writes to standard error is discarded.
    """
    try:
        with files.open_regular(path) as file, _silence():
            return _decode(file)
    except PictureError as error:
        raise PictureError(f"cannot read {path}: {error}") from error.__cause__
    except OSError as error:
        raise PictureError(f"cannot read {path}: {error.strerror or error}") from error


@contextmanager
def _silence():
    """Discard warnings, and what C libraries (libtiff) write to file descriptor 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if sys.stderr is None:  # the process has no standard error: descriptor 2 may be any file
            yield
            return
        terminal, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 2)
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            os.close(null)


def _decode(file):
    """The Picture in an open file; PictureError with the bare reason."""
    kind = "picture"
    try:
        picture = Image.open(file, formats=[each.name for each in formats.readable()])
        kind = picture.format
        # Pillow leaves black what no strip or tile of a TIFF covers: a few bytes could fill the memory.
        covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in picture.tile)
        if kind == "TIFF" and covered < picture.width * picture.height:
            raise PictureError("truncated TIFF")
        _scale_key(picture)
        picture.load()
        image, opacity = _planes(picture)
        orientation = _orientation(picture)  # not earlier: older versions of Pillow turn TIFFs while they load them
        opacity = None if opacity is None or opacity.min() == 1 else _upright(opacity, orientation)
        return Picture(_upright(image, orientation), opacity, _profile_name(picture.info.get("icc_profile")))
    except PictureError:
        raise
    except Exception as error:  # decoders raise struct.error, SyntaxError, OverflowError and many others
        raise PictureError(_reason(error, kind)) from error


def _reason(error, kind):
    """Why a picture of a format, as far as it is known, could not be decoded."""
    if isinstance(error, UnidentifiedImageError):
        return "not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return f"more than the limit of {MAX_PIXELS} pixels"
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{'truncated' if 'truncated' in str(error).lower() else 'damaged'} {kind}"


def _scale_key(picture):
    """Scale the transparent colour of a PNG, which Pillow leaves in the depth of the file, to that of the pixels."""
    key = picture.info.get("transparency")
    if key is None or not picture.tile:
        return
    rawmode = picture.tile[0][3]
    if rawmode == "L;2":
        key *= 85
    elif rawmode == "L;4":
        key *= 17
    elif rawmode == "RGB;16B":
        key = tuple(value >> 8 for value in key)
    picture.info["transparency"] = key


def _orientation(picture):
    """The EXIF orientation of a Pillow picture, None if there is none; it may have any value."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # a picture with damaged EXIF data is still a picture
        return None


def _upright(array, orientation):
    """An array [H, W, ...] turned and mirrored as EXIF defines; orientations other than 2..8 leave it as it is."""
    if orientation in (5, 6, 7, 8):
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def from_pillow(picture):
    """The image of a Pillow picture of any mode, in sRGB and over white: float32 [H, W, 3], RGB, 0..255.

    White is 65535 in modes I;16 and I. In mode F it is the first of 1, 255 and 65535 that is at least half of the
    greatest value. Values below black or above white are clipped; PictureError if one is above twice white, or is not
    finite.
    """
    return _planes(picture)[0]


def _planes(picture):
    """(image, opacity) of a Pillow picture, as in Picture."""
    icc, key = picture.info.get("icc_profile"), picture.info.get("transparency")
    if picture.mode in _PLAINER_MODES:
        key = key if picture.mode == "1" else None
        picture = picture.convert(_PLAINER_MODES[picture.mode])
    opacity = _opacity(picture, key)
    if picture.mode in ("LA", "RGBA"):
        picture = picture.convert(picture.mode[:-1])
    image = _color(picture, icc) if picture.mode in ("RGB", "CMYK") else _grey(picture, icc)
    if opacity is not None:
        image = 255 + (image - 255) * opacity[:, :, np.newaxis]
    return image, opacity


def _opacity(picture, key):
    """The opacity of a picture, float32 [H, W], 0..1, or None if it has none. key: its transparent colour or None."""
    if picture.mode in ("LA", "RGBA"):
        return np.asarray(picture.getchannel("A")).astype(np.float32) / 255
    if key is None:
        return None
    differs = np.asarray(picture) != key
    return (differs if differs.ndim == 2 else differs.any(axis=2)).astype(np.float32)


def _color(picture, icc, flags=ImageCms.Flags.NONE):
    """The image of a picture in mode L, RGB or CMYK, converted from its ICC profile if that is valid."""
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space == "RGB " and picture.mode == "L":
                picture = picture.convert("RGB")
            srgb = ImageCms.createProfile("sRGB")
            perceptual = ImageCms.Intent.PERCEPTUAL
            picture = ImageCms.profileToProfile(picture, profile, srgb, perceptual, outputMode="RGB", flags=flags)
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a picture with a damaged profile, or one for other channels, is still a picture
    return np.asarray(picture.convert("RGB")).astype(np.float32)


def _profile_name(icc):
    """The name of an ICC profile, or None if there is no profile, or it is sRGB, or it is damaged."""
    if not icc:
        return None
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    return None if "sRGB" in name else "".join(filter(str.isprintable, name))[:60] or None


def _grey(picture, icc):
    """The image of a picture of one channel, float32 [H, W, 3].

    Pillow applies profiles to 8 bits only: the profile is applied to all 256 levels, and finer grey is interpolated.
    """
    grey = _levels(picture)
    if not icc:
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    exact = ImageCms.Flags.NOOPTIMIZE  # otherwise dark grey in a linear profile is wrong by up to 10 of 255
    ramp = _color(Image.frombytes("L", (256, 1), bytes(range(256))), icc, exact)[0]  # [256, 3]
    image = np.empty((*grey.shape, 3), np.float32)
    for channel in range(3):
        image[:, :, channel] = np.interp(grey, np.arange(256), ramp[:, channel])
    return image


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
