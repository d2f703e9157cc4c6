"""Pictures: files <-> arrays, their sizes and colours. An image is float32 [H, W, 3], RGB, 0..255, sRGB."""

import io
import logging
import os
import sys
import warnings
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

import deep
import files
import metadata

MAX_PIXELS = 2 * Image.MAX_IMAGE_PIXELS  # Pillow opens no more, lest a small file fill the memory

# Only these are read and written. Others of Pillow's start programs (EPS: Ghostscript) or open a file within the file
# as any format at all (IPTC). TGA comes last: it has no signature, so much passes for it.
FORMATS = (
    *("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF"),
    *("PSD", "ICO", "ICNS", "QOI", "DDS", "SGI", "SUN", "TGA"),
)

# No `optimize` for JPEG: Pillow gives libjpeg a buffer that a noisy picture overflows, and the file is lost.
SAVE_OPTIONS = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65535, "GIF": 65535, "SGI": 65535, "TGA": 65535}
SHRINKING_FORMATS = ("ICO", "ICNS")
WITH_OPACITY = ("PNG", "WEBP", "TIFF", "AVIF", "TGA")

LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601

# What 8-bit conversion leaves as it is; the modes of one channel are scaled by _levels.
_PLAINER_MODES = {"1": "L", "La": "LA", "P": "RGBA", "PA": "RGBA", "RGBa": "RGBA", "RGBX": "RGB"}
_PLAINER_MODES |= {"YCbCr": "RGB", "HSV": "RGB", "LAB": "RGB"}

logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)  # what it would log is in the PictureError


class PictureError(Exception):
    """A picture that cannot be read or written. The message names the file and the reason."""


def read(path):
    """The picture in a file, as `read_all` gives it."""
    return read_all(path).image


class Picture(NamedTuple):
    """What is in a file."""

    image: np.ndarray  # over white: float32 [H, W, 3], RGB, 0..255
    opacity: np.ndarray | None  # float32 [H, W], 0..1; None where all is opaque
    profile: str | None  # the name of the ICC profile that it was converted from, unless sRGB


def read_all(path):
    """The Picture in a file, upright, in sRGB.

    EXIF orientation and ICC profile (perceptual intent) are applied; of an animation it is the first frame. Grey of
    16 bits keeps its precision; of 16-bit colour Pillow gives the upper 8 bits. Raises PictureError, and nothing else,
    for whatever is in the file. While it reads, nothing that the process writes to standard error gets there.
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
    """Keep warnings, and what C libraries (libtiff) write to file descriptor 2, from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if sys.stderr is None:  # started without one: 2 may be any file
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
    Image.init()
    kind = "picture"
    try:
        picture = Image.open(file, formats=[name for name in FORMATS if name in Image.OPEN])
        kind = picture.format
        # Pillow leaves black what no strip or tile of a TIFF covers: a few bytes could fill the memory.
        covered = sum((right - left) * (lower - upper) for _, (left, upper, right, lower), *_ in picture.tile)
        if kind == "TIFF" and covered < picture.width * picture.height:
            raise PictureError("truncated TIFF")
        _scale_key(picture)
        picture.load()
        image, opacity = _planes(picture)
        orientation = _orientation(picture)  # asked for now: older Pillows turn TIFFs as they load them
        opacity = None if opacity is None or opacity.min() == 1 else _upright(opacity[:, :, np.newaxis], orientation)
        profile = _profile_name(picture.info.get("icc_profile"))
        return Picture(_upright(image, orientation), None if opacity is None else opacity[:, :, 0], profile)
    except PictureError:
        raise
    except Exception as error:  # decoders raise all sorts of things: struct.error, SyntaxError, OverflowError, ...
        raise PictureError(_reason(error, kind)) from error


def _reason(error, kind):
    """Why a picture could not be decoded, in the user's words."""
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
    """Bring the transparent colour of a PNG, which Pillow leaves in the file's depth, to that of the decoded pixels."""
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
    """The EXIF orientation, 1..8 where it makes sense."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # damaged EXIF data do not spoil a picture
        return None


def _upright(image, orientation):
    """`image` turned and mirrored as EXIF asks; any orientation but 2..8 leaves it as it is."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)


def from_pillow(picture):
    """The image of a Pillow picture of any mode, in sRGB and over white: float32 [H, W, 3], RGB, 0..255.

    Modes I;16 and I: white is 65535. Mode F: white is the first of 1, 255 and 65535 that the greatest value does not
    exceed by more than a factor of two. What is beyond black and white is clipped; greater or non-finite values raise
    PictureError.
    """
    return _planes(picture)[0]


def _planes(picture):
    """(the image, over white, and how opaque each pixel is or None) of a Pillow picture."""
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
    """How opaque each pixel is, float32 [H, W], 0..1, or None where all are. key: the transparent colour or None."""
    if picture.mode in ("LA", "RGBA"):
        return np.asarray(picture.getchannel("A")).astype(np.float32) / 255
    if key is None:
        return None
    differs = np.asarray(picture) != key
    return (differs if differs.ndim == 2 else differs.any(axis=2)).astype(np.float32)


def _color(picture, icc, flags=ImageCms.Flags.NONE):
    """The image of a picture in mode L, RGB or CMYK, through its ICC profile if that is of any use."""
    if icc:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            if profile.profile.xcolor_space == "RGB " and picture.mode == "L":
                picture = picture.convert("RGB")
            srgb = ImageCms.createProfile("sRGB")
            perceptual = ImageCms.Intent.PERCEPTUAL
            picture = ImageCms.profileToProfile(picture, profile, srgb, perceptual, outputMode="RGB", flags=flags)
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a damaged profile, or one for other colours, does not spoil a picture
    return np.asarray(picture.convert("RGB")).astype(np.float32)


def _profile_name(icc):
    """The name of an ICC profile, or None if there is none, or sRGB, or it is damaged."""
    if not icc:
        return None
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).strip()
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        return None
    return None if "sRGB" in name else "".join(filter(str.isprintable, name))[:60] or None


def _grey(picture, icc):
    """The image of a picture of one channel. Pillow applies profiles to 8 bits: finer grey is interpolated."""
    grey = _levels(picture)
    if not icc:
        return np.repeat(grey[:, :, np.newaxis], 3, axis=2)
    exact = ImageCms.Flags.NOOPTIMIZE  # without it, dark grey is off by up to 10 of 255 where the profile is linear
    ramp = _color(Image.frombytes("L", (256, 1), bytes(range(256))), icc, exact)[0]  # [256, 3]
    image = np.empty((*grey.shape, 3), np.float32)
    for channel in range(3):
        image[:, :, channel] = np.interp(grey, np.arange(256), ramp[:, channel])
    return image


def _levels(picture):
    """The grey of a picture of one channel and of any depth: float32 [H, W], 0..255."""
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


def resize(image, height, width):
    """`image` at another size: float32 [height, width, 3], 0..255. At its own size it is unchanged.

    Lanczos windows, antialiased: of Pillow's filters the one that keeps most texture, which is what a style is made of.
    """
    result = resample(image, height, width)
    if image.shape[:2] == (height, width):
        return result
    return np.clip(result, 0, 255, out=result)  # the windows overshoot at edges


def resample(image, height, width, window=Image.Resampling.LANCZOS):
    """`image` at another size, whatever its values: float32 [height, width, 3]."""
    image = np.asarray(image, np.float32)
    if image.shape[:2] == (height, width):
        return image.copy()
    result = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        plane = Image.fromarray(np.ascontiguousarray(image[:, :, channel]))  # mode F
        result[:, :, channel] = plane.resize((width, height), window)
    return result


def resize_to_width(image, width):
    """`image` at another width, its proportions kept: float32 [max(1, round(H * width / W)), width, 3], 0..255."""
    return resize(image, max(1, round(image.shape[0] * width / image.shape[1])), width)


def cover(image, height, width):
    """The middle of `image` at the least size that covers [height, width], its proportions kept: [height, width, 3]."""
    scale = max(height / image.shape[0], width / image.shape[1])
    image = resize(image, *(max(1, round(side * scale)) for side in image.shape[:2]))
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    return image[top : top + height, left : left + width].copy()


def transfer_luma(content, styled):
    """The luma of `styled` with the chroma of `content`: float32 [H, W, 3], not clipped to 0..255.

    Y of Y'CbCr (ITU-R BT.601) is replaced. Cb and Cr are multiples of B - Y and R - Y, so they are kept where the same
    difference is added to R, G and B. (Luminance-only transfer of Gatys et al. 2016, arXiv:1606.05897, section 3.2.)
    """
    difference = (np.asarray(styled, np.float32) - content) @ LUMA  # [H, W]
    return np.asarray(content, np.float32) + difference[:, :, np.newaxis]


def match_mean_and_covariance(image, goal):
    """`image` with the mean and the covariance that the colours of `goal` have: [H, W, 3], not clipped to 0..255.

    The linear map of Gatys et al. 2016 (arXiv:1606.05897, section 3.1) in its symmetric form: the square root of the
    goal's covariance times the inverse one of the image's.
    """
    colors, wanted = (np.asarray(each, np.float64).reshape(-1, 3) for each in (image, goal))
    root, inverse = _root(np.cov(wanted.T)), np.linalg.inv(_root(np.cov(colors.T)))
    result = (colors - colors.mean(axis=0)) @ (root @ inverse).T + wanted.mean(axis=0)
    return result.reshape(image.shape).astype(np.float32)


def _root(covariance):
    """The symmetric square root of a covariance; a deviation below 0.01, as between the channels of grey, is raised."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(np.maximum(values, 1e-4)) @ vectors.T


def match_histograms(image, goal):
    """`image` with the histogram that `goal` has, channel by channel: [H, W, 3]. Equal values stay equal."""
    result = np.empty(image.shape, np.float32)
    for channel in range(3):
        _, places, counts = np.unique(image[:, :, channel], return_inverse=True, return_counts=True)
        wanted = np.sort(goal[:, :, channel], axis=None)
        ranks = (np.cumsum(counts) - counts / 2) / places.size
        wanted_ranks = (np.arange(wanted.size) + 0.5) / wanted.size
        result[:, :, channel] = np.interp(ranks, wanted_ranks, wanted)[places].reshape(image.shape[:2])
    return result


RECOLORINGS = {"match": match_mean_and_covariance, "histogram": match_histograms}


def save(path, image, *, told=None, depth=8, opacity=None):
    """Write float [H, W, 3], RGB, 0..255, rounded and clipped, in the format that the name's extension says.

    told: what the file is to tell of how it was made, as metadata.about. depth: bits of a channel, 8 or 16.
    opacity: [H, W], 0..1, or None where all is opaque.
    The file is there whole or not at all. Raises PictureError, and ValueError where a value is not finite.
    """
    kind = _format(path, *image.shape[:2], depth, opacity is not None)
    if not np.isfinite(image).all():
        raise ValueError("an image with values that are not finite")
    channels = image if opacity is None else np.dstack([image, 255 * opacity])
    options = SAVE_OPTIONS.get(kind, {}) | (metadata.save_options(kind, told) if told else {})
    encoded = io.BytesIO()  # in memory first: only Python's own writes tell why they fail
    try:
        if depth == 16:
            deep.ENCODERS[kind](encoded, np.rint(np.clip(channels, 0, 255) * 257).astype(np.uint16), told)
        else:
            Image.fromarray(np.rint(np.clip(channels, 0, 255)).astype(np.uint8)).save(encoded, format=kind, **options)
        with files.replacing(path) as file:
            file.write(encoded.getbuffer())
    except OSError as error:
        raise PictureError(f"cannot write {path}: {error.strerror or error}") from error


def has_format(path):
    """Whether the extension of `path` is one of a picture."""
    Image.init()
    return Image.EXTENSION.get(os.path.splitext(path)[1].lower()) in FORMATS


def check_format(path, height=None, width=None, *, depth=8, transparent=False):
    """Raise PictureError unless `save` has a format for the extension of `path`, and for such a picture."""
    _format(path, height, width, depth, transparent)


def _format(path, height, width, depth, transparent):
    """Pillow's name of the format of `path`."""
    Image.init()
    kind = Image.EXTENSION.get(os.path.splitext(path)[1].lower())
    if kind not in FORMATS or kind not in Image.SAVE or kind in SHRINKING_FORMATS:
        raise PictureError(f"cannot write {path}: unknown picture format; use .jpg, .png, .webp or .tiff")
    if depth == 16 and kind not in deep.ENCODERS:
        raise PictureError(f"cannot write {path}: {kind} has no 16 bits a channel; use .png or .tiff")
    if depth == 16 and kind == "TIFF" and not deep.has_tifffile():
        raise PictureError(f"cannot write {path}: --depth 16 in TIFF needs tifffile: python -m pip install tifffile")
    if transparent and kind not in WITH_OPACITY:
        raise PictureError(f"cannot write {path}: {kind} has no transparency; use .png, .webp or .tiff")
    side, limit = max(height or 0, width or 0), LONGEST_SIDE.get(kind, np.inf)
    if side > limit:
        raise PictureError(f"cannot write {path}: a side of {side} pixels, where {kind} takes {limit}; use .png")
    return kind
