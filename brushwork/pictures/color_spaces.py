"""Colour spaces: what the numbers of a picture mean, and their conversion to sRGB.

A space is an ICC profile, applied by LittleCMS, or primaries and a transfer function, applied by formulas.
"""

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms

from brushwork.errors import PictureError

WHITE_NITS = 203  # cd/m2 of white in BT.2100 pictures: ITU-R BT.2408, table 1
DAMAGED_PROFILE = ImageCms.PyCMSError, OSError, TypeError, ValueError

# x and y of red, green, blue and white: ITU-T H.273, table 2
_D65 = (0.3127, 0.329)
_D50_XYZ = np.array([0.9642, 1, 0.8249])  # of ICC profiles, and of L*a*b* in files
SRGB_PRIMARIES = (0.64, 0.33), (0.3, 0.6), (0.15, 0.06), _D65
_PRIMARIES = {
    1: SRGB_PRIMARIES,
    4: ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), (0.31, 0.316)),
    5: ((0.64, 0.33), (0.29, 0.6), (0.15, 0.06), _D65),
    6: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    7: ((0.63, 0.34), (0.31, 0.595), (0.155, 0.07), _D65),
    8: ((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), (0.31, 0.316)),
    9: ((0.708, 0.292), (0.17, 0.797), (0.131, 0.046), _D65),
    10: ((1, 0), (0, 1), (0, 0), (1 / 3, 1 / 3)),
    11: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.314, 0.351)),
    12: ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), _D65),
    22: ((0.63, 0.34), (0.295, 0.605), (0.155, 0.077), _D65),
}
ADOBE_PRIMARIES = (0.64, 0.33), (0.21, 0.71), (0.15, 0.06), _D65  # Adobe RGB (1998), section 4.3.1
_NAMES = {9: "BT.2020", 11: "DCI-P3", 12: "Display P3", 5: "BT.601 (625 lines)", 6: "BT.601", 7: "SMPTE 240M"}
_LIKE_SRGB = (1, 2, 6, 7, 11, 12, 13, 14, 15)  # camera curves, for displays: shown as sRGB is


class ColorSpace(NamedTuple):
    """Primaries and a transfer function: an RGB colour space."""

    name: str  # for messages; "" is sRGB
    matrix: np.ndarray  # [3, 3], linear RGB -> linear sRGB; white is (1, 1, 1) in both
    to_linear: Callable[[np.ndarray], np.ndarray] | None  # [H, W, C], 0..1 -> light, white is 1; None: sRGB's curve

    def to_srgb(self, image: np.ndarray) -> np.ndarray:
        """Convert an image [H, W, 1 or 3], 0..255, to float32 sRGB, 0..255. Colours beyond its range are clipped."""
        values = np.asarray(image, np.float32) / 255
        light = srgb_to_linear(values) if self.to_linear is None else self.to_linear(values)
        if light.shape[2] == 3:
            light = light @ self.matrix.T.astype(np.float32)
        return np.asarray(255 * linear_to_srgb(np.clip(light, 0, 1)), np.float32)


def srgb_to_linear(values: np.ndarray) -> np.ndarray:
    """Convert sRGB, 0..1, to light, 0..1: IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((np.maximum(values, 0) + 0.055) / 1.055) ** 2.4)


def linear_to_srgb(light: np.ndarray) -> np.ndarray:
    """Convert light, 0..1, to sRGB, 0..1: IEC 61966-2-1."""
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def lab_to_srgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIE L*a*b* under D50, [H, W, 3], L* 0..100, to float32 sRGB, 0..255, clipped."""
    y = (lab[:, :, 0] + 16) / 116
    f = np.stack([y + lab[:, :, 1] / 500, y, y - lab[:, :, 2] / 200], axis=2)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * _D50_XYZ
    light = xyz @ (np.linalg.inv(_to_xyz(*SRGB_PRIMARIES)) @ _adaptation(_D50_XYZ, _xyz(_D65))).T
    return (255 * linear_to_srgb(np.clip(light, 0, 1))).astype(np.float32)


def of_gamma(gamma: float | None, primaries: tuple | None) -> ColorSpace | None:
    """The space of a picture's own gamma, the exponent of light, and primaries; None if it is sRGB or not valid.

    With the primaries of sRGB, a gamma within 5 % of 1 / 2.2 (libpng's threshold) stands for the curve of sRGB, as
    programs write it. primaries: four pairs (x, y), or None: those of sRGB.
    """
    if gamma is not None and gamma <= 0:
        return None
    matrix, power = np.eye(3), None if gamma is None else 1 / gamma
    has_own = primaries is not None and np.abs(np.subtract(primaries, SRGB_PRIMARIES)).max() > 0.002
    if power and not has_own and abs(gamma * 2.2 - 1) < 0.05:
        power = None
    if has_own:
        try:
            matrix = _matrix(primaries)
        except (np.linalg.LinAlgError, ZeroDivisionError):
            return None
        if not np.isfinite(matrix).all():
            return None
    elif power is None:
        return None
    name = "a colour space of its own" if power is None else f"gamma {gamma:.3g}"
    return ColorSpace(name, matrix, None if power is None else lambda values: np.maximum(values, 0) ** power)


def of_code_points(primaries: int, transfer: int) -> ColorSpace | None:
    """The space of code points (cICP in PNG, nclx in AVIF and HEIF; ITU-T H.273); None if it is sRGB or not said.

    Raises PictureError if this program cannot convert it.
    """
    primaries = 1 if primaries == 2 else primaries
    if primaries not in _PRIMARIES or transfer not in (*_LIKE_SRGB, *_TRANSFERS):
        codes = f"primaries {primaries}, transfer function {transfer} of ITU-T H.273"
        raise PictureError(f"its colours are in an unknown space ({codes}); save it in sRGB")
    if primaries == 1 and transfer in _LIKE_SRGB:
        return None
    curve = _TRANSFERS.get(transfer)
    name = " ".join(filter(None, (_NAMES.get(primaries, f"primaries {primaries}"), _CURVE_NAMES.get(transfer))))
    return ColorSpace(name, _matrix(_PRIMARIES[primaries]), curve)


def adobe_rgb() -> ColorSpace:
    """Adobe RGB (1998)."""
    return ColorSpace("Adobe RGB", _matrix(ADOBE_PRIMARIES), lambda values: np.maximum(values, 0) ** (563 / 256))


def linear_srgb() -> ColorSpace:
    """Light with the primaries of sRGB, as in Radiance HDR and PFM."""
    return ColorSpace("linear light", np.eye(3), lambda values: values)


def _xyz(point):
    """XYZ of a chromaticity (x, y), with Y = 1."""
    x, y = point
    return np.array([x / y, 1, (1 - x - y) / y]) if y else np.array([x, 0, 1 - x])


def _to_xyz(red, green, blue, white):
    """Linear RGB with primaries -> XYZ: [3, 3]."""
    columns = np.stack([_xyz(red), _xyz(green), _xyz(blue)], axis=1)
    return columns * np.linalg.solve(columns, _xyz(white))


def _adaptation(white, wanted):
    """Bradford's adaptation of XYZ from one white to another: [3, 3]."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    return np.linalg.inv(bradford) @ np.diag((bradford @ wanted) / (bradford @ white)) @ bradford


def _matrix(primaries):
    """Linear RGB with primaries (red, green, blue, white) -> linear sRGB, with white kept."""
    adapt = _adaptation(_xyz(primaries[3]), _xyz(_D65))
    return np.linalg.inv(_to_xyz(*SRGB_PRIMARIES)) @ adapt @ _to_xyz(*primaries)


def _power(exponent):
    return lambda values: np.maximum(values, 0) ** exponent


def _perceptual_quantizer(values):
    """SMPTE ST 2084, section 5.2 (PQ in ITU-R BT.2100): 1 is WHITE_NITS."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
    root = np.clip(values.astype(np.float64), 0, 1) ** (1 / m2)
    return (10_000 / WHITE_NITS * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)).astype(np.float32)


def _hybrid_log_gamma(values):
    """ITU-R BT.2100, tables 5: on a display of 1000 cd/m2, whose system gamma is 1.2; 1 is WHITE_NITS."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    values = np.clip(values.astype(np.float64), 0, 1)
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    luminance = scene @ [0.2627, 0.678, 0.0593] if scene.shape[2] == 3 else scene[:, :, 0]
    return (1000 / WHITE_NITS * scene * np.maximum(luminance, 1e-9)[:, :, np.newaxis] ** 0.2).astype(np.float32)


_TRANSFERS = {
    4: _power(2.2),
    5: _power(2.8),
    8: lambda values: values,
    16: _perceptual_quantizer,
    17: lambda values: 52.37 / 48 * np.maximum(values, 0) ** 2.6,
    18: _hybrid_log_gamma,
}
_CURVE_NAMES = {4: "gamma 2.2", 5: "gamma 2.8", 8: "linear light", 16: "PQ", 17: "gamma 2.6", 18: "HLG"}


def nclx_of(head: bytes) -> ColorSpace | None:
    """The space in the colour box of an AVIF or HEIC file (ISO 23008-12, 14496-12); None without one, or if it is sRGB.

    head: the beginning of the file. An ICC profile beside it is the reader's business. Raises PictureError.
    """
    place = head.find(b"colrnclx")
    if place < 0 or len(head) < place + 12:
        return None
    return of_code_points(*struct.unpack_from(">HH", head, place + 8))


def apply_profile(pil_image: Image.Image, icc: bytes, flags: int = ImageCms.Flags.NONE) -> Image.Image:
    """Convert a picture of Pillow, mode L, RGB, LAB or CMYK, from an ICC profile to RGB in sRGB (perceptual intent).

    A profile that is damaged, or for other channels, is ignored: returns the picture as it is.
    """
    with suppress(*DAMAGED_PROFILE):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space == "RGB " and pil_image.mode == "L":
            pil_image = pil_image.convert("RGB")
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(pil_image, profile, srgb, outputMode="RGB", flags=flags)
    return pil_image


def profile_name(icc: bytes | None) -> str | None:
    """Return the name of an ICC profile; None if there is no profile, if it is sRGB or if it is damaged."""
    try:
        name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc or b""))).strip()
    except DAMAGED_PROFILE:
        return None
    return None if "sRGB" in name else "".join(filter(str.isprintable, name))[:60] or None


def convert(image: np.ndarray, space: bytes | ColorSpace | None) -> np.ndarray:
    """Convert an image to sRGB.

    image: float32 [H, W, C], 0..255: grey, RGB or CMYK (with 0 for no ink) by C = 1, 3 or 4. space: an ICC profile, a
    ColorSpace, or None: sRGB. Returns float32 [H, W, 3], 0..255.
    """
    if isinstance(space, ColorSpace) and image.shape[2] < 4:
        image = space.to_srgb(image)
    elif space and image.shape[2] == 1:
        return _convert_grey(image, space)
    elif image.shape[2] == 4 or space:
        levels = np.rint(np.clip(image, 0, 255)).astype(np.uint8)
        pil_image = Image.fromarray(levels, "CMYK" if image.shape[2] == 4 else "RGB")
        pil_image = apply_profile(pil_image, space) if isinstance(space, bytes) else pil_image
        return np.asarray(pil_image.convert("RGB")).astype(np.float32)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _convert_grey(image, icc):
    """Apply an ICC profile to an image [H, W, 1]: to 256 levels, and interpolated between them."""
    exact = ImageCms.Flags.NOOPTIMIZE  # without it, dark grey in a linear profile is wrong by up to 10 of 255
    ramp = apply_profile(Image.frombytes("L", (256, 1), bytes(range(256))), icc, exact).convert("RGB")
    levels = np.asarray(ramp)[0].astype(np.float32)  # [256, 3]
    grey = image[:, :, 0]
    return np.dstack([np.interp(grey, np.arange(256), channel).astype(np.float32) for channel in levels.T])
