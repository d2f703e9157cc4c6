"""Every mode of Pillow, and every kind of PNG, TIFF and PPM, as an image.

The expected values are worked out by hand, or by the formulas of the standards.
"""

import struct

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import pillow_formats
from tests.helpers import picture_files


def rgb(levels):
    """A row of grey levels or colours as an image [1, W, 3]."""
    levels = np.array(levels, float)
    return (levels if levels.ndim == 2 else np.repeat(levels[:, np.newaxis], 3, axis=1))[np.newaxis]


def pillow(mode, width, data):
    return Image.frombytes(mode, (width, 1), bytes(data))


def palette(*indices, mode="P", transparency=None):
    picture = pillow(mode, len(indices) // len(mode), indices)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    if transparency is not None:
        picture.info["transparency"] = transparency
    return picture


def keyed(picture, transparency):
    picture.info["transparency"] = transparency
    return picture


LAB_RED = [138, 81, 70]  # the red of sRGB under D50: L* 54.3 of 100, a* 80.8, b* 69.9

MODES = {
    "1": (lambda: pillow("1", 2, [0b01000000]), [0, 255]),
    "1 with a key": (lambda: keyed(pillow("1", 2, [0b01000000]), 0), [255, 255]),
    "L": (lambda: pillow("L", 3, [0, 100, 255]), [0, 100, 255]),
    "L with a key": (lambda: keyed(pillow("L", 3, [0, 100, 7]), 100), [0, 255, 7]),
    "LA": (lambda: pillow("LA", 3, [100, 255, 100, 51, 100, 0]), [100, 224, 255]),
    "La": (lambda: pillow("La", 3, [100, 255, 20, 51, 0, 0]), [100, 224, 255]),
    "P": (lambda: palette(1, 0), [(200, 100, 50), (10, 20, 30)]),
    "P, one clear": (lambda: palette(1, 0, transparency=0), [(200, 100, 50), (255, 255, 255)]),
    "P, translucent": (lambda: palette(1, 0, transparency=b"\x33"), [(200, 100, 50), (206, 208, 210)]),
    "PA": (lambda: palette(1, 51, 0, 255, mode="PA"), [(244, 224, 214), (10, 20, 30)]),
    "RGB": (lambda: pillow("RGB", 2, [1, 2, 3, 250, 251, 252]), [(1, 2, 3), (250, 251, 252)]),
    "RGB with a key": (lambda: keyed(pillow("RGB", 2, [1, 2, 3, 1, 2, 4]), (1, 2, 3)), [(255,) * 3, (1, 2, 4)]),
    "RGBA": (lambda: pillow("RGBA", 2, [5, 105, 255, 51, 9, 8, 7, 0]), [(205, 225, 255), (255, 255, 255)]),
    "RGBa": (lambda: pillow("RGBa", 2, [1, 21, 51, 51, 9, 8, 7, 255]), [(205, 225, 255), (9, 8, 7)]),
    "RGBX": (lambda: pillow("RGBX", 1, [1, 2, 3, 0]), [(1, 2, 3)]),
    "CMYK": (
        lambda: pillow("CMYK", 3, [255, 0, 0, 0, 51, 102, 0, 0, 0, 51, 0, 51]),
        [(0, 255, 255), (204, 153, 255), (204, 163.2, 204)],
    ),
    "YCbCr": (lambda: pillow("YCbCr", 2, [100, 128, 128, 76, 85, 255]), [(100, 100, 100), (254, 0, 0)]),
    "LAB": (lambda: pillow("LAB", 2, [*LAB_RED, 255, 0, 0]), [(255, 0, 0), (255, 255, 255)]),
    "HSV": (lambda: pillow("HSV", 2, [0, 255, 200, 85, 255, 90]), [(200, 0, 0), (0, 90, 0)]),
    "I;16": (lambda: pillow("I;16", 3, struct.pack("<3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16L": (lambda: pillow("I;16L", 3, struct.pack("<3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16B": (lambda: pillow("I;16B", 3, struct.pack(">3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16N": (lambda: pillow("I;16N", 3, struct.pack("=3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16 with a key": (lambda: keyed(pillow("I;16", 2, struct.pack("<2H", 771, 770)), 771), [255, 770 / 257]),
    "I": (lambda: pillow("I", 4, struct.pack("=4i", -9, 0, 25828, 65535)), [0, 0, 25828 / 257, 255]),
    "I of a dark picture": (lambda: pillow("I", 2, struct.pack("=2i", 0, 257)), [0, 1]),
    "F to 1": (lambda: pillow("F", 4, struct.pack("=4f", -0.1, 0.4, 0.5, 1)), [0, 102, 127.5, 255]),
    "F a little over 1": (lambda: pillow("F", 2, struct.pack("=2f", 0.4, 1.1)), [102, 255]),
    "F to 255": (lambda: pillow("F", 3, struct.pack("=3f", -1, 100.25, 256)), [0, 100.25, 255]),
    "F to 65535": (lambda: pillow("F", 2, struct.pack("=2f", 25828, 65535)), [25828 / 257, 255]),
}
# Pillow converts these to 8 bits by truncation; for LAB it also interpolates in a coarse table.
TOLERANCE = {"LAB": 8, "CMYK": 1, "YCbCr": 1}


@pytest.mark.parametrize("name", MODES)
def test_modes(name):
    make, expected = MODES[name]
    image = pillow_formats.from_pillow(make())[0]
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, rgb(expected), atol=TOLERANCE.get(name, 1e-4))


@pytest.mark.parametrize(("mode", "code"), [("I", "i"), ("F", "f")])
def test_values_far_above_white_are_refused(mode, code):
    with pytest.raises(PictureError, match="its values range from 0 to 200000; white must be at most 65535"):
        pillow_formats.from_pillow(pillow(mode, 2, struct.pack(f"=2{code}", 0, 200_000)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(PictureError, match="its values range from"):
        pillow_formats.from_pillow(pillow("F", 2, struct.pack("=2f", 0.5, value)))


def words(*values):
    return struct.pack(f">{len(values)}H", *values)


def short_words(*values):
    return struct.pack(f"<{len(values)}H", *values)


KEY = b"tRNS"
PALETTE = (b"PLTE", bytes([10, 20, 30, 200, 100, 50]))
FILES = {
    "png 1": (picture_files.png(2, 1, 1, 0, [b"\x40"]), [0, 255]),
    "png 1 with a key": (picture_files.png(2, 1, 1, 0, [b"\x40"], (KEY, words(0))), [255, 255]),
    "png 2": (picture_files.png(4, 1, 2, 0, [b"\x1b"]), [0, 85, 170, 255]),
    "png 2 with a key": (picture_files.png(4, 1, 2, 0, [b"\x1b"], (KEY, words(1))), [0, 255, 170, 255]),
    "png 4 with a key": (picture_files.png(2, 1, 4, 0, [b"\x3a"], (KEY, words(3))), [255, 170]),
    "png 8 with a key": (picture_files.png(2, 1, 8, 0, [b"\x03\x33"], (KEY, words(3))), [255, 51]),
    "png 16": (picture_files.png(2, 1, 16, 0, [words(25828, 65535)]), [25828 / 257, 255]),
    "png 16 with a key": (picture_files.png(2, 1, 16, 0, [words(771, 770)], (KEY, words(771))), [255, 770 / 257]),
    "png 8 alpha": (picture_files.png(1, 1, 8, 4, [bytes([100, 51])]), [224]),
    "png 16 alpha": (picture_files.png(1, 1, 16, 4, [words(100 * 257, 51 * 257)]), [224]),
    "png palette": (picture_files.png(2, 1, 8, 3, [b"\1\0"], PALETTE), [(200, 100, 50), (10, 20, 30)]),
    "png palette, one clear": (
        picture_files.png(2, 1, 8, 3, [b"\1\0"], PALETTE, (KEY, b"\0")),
        [(200, 100, 50), (255, 255, 255)],
    ),
    "png palette, translucent": (
        picture_files.png(2, 1, 1, 3, [b"\x80"], PALETTE, (KEY, b"\x33\x00")),
        [(255, 255, 255), (206, 208, 210)],
    ),
    "png rgb with a key": (
        picture_files.png(2, 1, 8, 2, [bytes([1, 2, 3, 1, 2, 4])], (KEY, words(1, 2, 3))),
        [(255, 255, 255), (1, 2, 4)],
    ),
    "png rgb 16": (picture_files.png(1, 1, 16, 2, [words(257, 2 * 257, 65535)]), [(1, 2, 255)]),
    "png rgb 16 with a key": (
        picture_files.png(2, 1, 16, 2, [words(257, 514, 771, 257, 514, 1028)], (KEY, words(257, 514, 771))),
        [(255, 255, 255), (1, 2, 4)],
    ),
    "png rgba": (picture_files.png(1, 1, 8, 6, [bytes([5, 105, 255, 51])]), [(205, 225, 255)]),
    "tiff 16, little": (picture_files.tiff("<", 2, 1, 1, [16], short_words(25828, 65535)), [25828 / 257, 255]),
    "tiff 16, big": (picture_files.tiff(">", 2, 1, 1, [16], words(25828, 65535)), [25828 / 257, 255]),
    "tiff 12": (picture_files.tiff("<", 2, 1, 1, [12], b"\xff\xf3\x33"), [255, 51]),
    "tiff float, little": (
        picture_files.tiff("<", 2, 1, 1, [32], struct.pack("<2f", 0.4, 1), sample_format=3),
        [102, 255],
    ),
    "tiff float, big": (
        picture_files.tiff(">", 2, 1, 1, [32], struct.pack(">2f", 100.25, 255), sample_format=3),
        [100.25, 255],
    ),
    "tiff 32": (picture_files.tiff("<", 2, 1, 1, [32], struct.pack("<2i", 25828, 65535)), [25828 / 257, 255]),
    "tiff white is zero": (picture_files.tiff("<", 2, 1, 0, [8], b"\x00\x37"), [255, 200]),
    "tiff premultiplied": (
        picture_files.tiff("<", 1, 1, 2, [8] * 4, bytes([1, 21, 51, 51]), extra=1),
        [(205, 225, 255)],
    ),
    "tiff alpha": (picture_files.tiff("<", 1, 1, 2, [8] * 4, bytes([5, 105, 255, 51]), extra=2), [(205, 225, 255)]),
    "tiff cmyk": (picture_files.tiff("<", 1, 1, 5, [8] * 4, bytes([255, 0, 0, 0])), [(0, 255, 255)]),
    "tiff lab": (picture_files.tiff("<", 1, 1, 8, [8] * 3, bytes(LAB_RED)), [(255, 0, 0)]),
    "pgm 16": (b"P5 2 1 65535\n" + words(25828, 65535), [25828 / 257, 255]),
    "ppm": (b"P6 1 1 255\n" + bytes([1, 2, 3]), [(1, 2, 3)]),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_mode(from_bytes, name):
    data, expected = FILES[name]
    np.testing.assert_allclose(from_bytes(data), rgb(expected), atol=TOLERANCE["LAB"] if "lab" in name else 1e-4)
