"""Colours that a file describes otherwise than by an ICC profile: gamma, primaries and code points.

The expected values follow from the standards: white is kept, BT.2100 has its reference white at a known signal.
"""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, read
from tests.helpers import picture_files

P3 = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.3127, 0.329))
RED_IN_P3 = (234, 51, 35)  # the red of sRGB in Display P3: https://www.w3.org/TR/css-color-4/


def converted(space, *color):
    return space.to_srgb(np.array([[color]], np.float32))[0, 0]


def png(color, *chunks, depth=8):
    """A PNG of one pixel. color: numbers of the file."""
    code = "H" if depth == 16 else "B"
    return picture_files.png(1, 1, depth, 2, [struct.pack(f">3{code}", *color)], *chunks)


def chromaticities(points=P3):
    red, green, blue, white = points
    return b"cHRM", struct.pack(">8I", *(round(100_000 * each) for each in (*white, *red, *green, *blue)))


def gamma(number):
    return b"gAMA", struct.pack(">I", round(100_000 * number))


LINEAR = 188  # of half the light: 255 (1.055 0.5^(1/2.4) - 0.055)
FILES = {
    "linear": (png((0, 127, 255), gamma(1)), (0, LINEAR, 255)),
    "linear, 16 bits": (png((0, 32767, 65535), gamma(1), depth=16), (0, LINEAR, 255)),
    "linear, 16 bits, dark": (png((20, 100, 200), gamma(1), depth=16), (1.0, 5.0, 9.9)),
    "a gamma of 1 / 2.2 is sRGB": (png((9, 99, 199), gamma(0.45455)), (9, 99, 199)),
    "primaries": (png(RED_IN_P3, chromaticities()), (255, 0, 0)),
    "code points": (png(RED_IN_P3, (b"cICP", bytes([12, 13, 0, 1]))), (255, 0, 0)),
    "code points before gamma": (png(RED_IN_P3, gamma(1), (b"cICP", bytes([12, 13, 0, 1]))), (255, 0, 0)),
    "sRGB before gamma": (png((9, 99, 199), gamma(1), (b"sRGB", b"\0")), (9, 99, 199)),
    "PQ": (png((148, 148, 148), (b"cICP", bytes([9, 16, 0, 1]))), (255, 255, 255)),  # 0.58: 203 cd/m2
    "HLG": (png((49151, 49151, 49151), (b"cICP", bytes([9, 18, 0, 1])), depth=16), (255, 255, 255)),  # 0.75: the same
    "damaged gamma": (png((9, 99, 199), (b"gAMA", b"\0")), (9, 99, 199)),
    "no gamma": (png((9, 99, 199), gamma(0)), (9, 99, 199)),
    "no primaries": (png((9, 99, 199), chromaticities([(0, 0)] * 4)), (9, 99, 199)),
}


@pytest.mark.parametrize("name", FILES)
def test_colours_of_a_png(from_bytes, name):
    data, expected = FILES[name]
    np.testing.assert_allclose(from_bytes(data)[0, 0], expected, atol=1.5)


def test_the_space_is_named(tmp_path):
    names = {"Display P3": (12, 13), "BT.2020 PQ": (9, 16), "BT.2020 HLG": (9, 18), "primaries 1 linear light": (1, 8)}
    for name, points in names.items():
        (tmp_path / "a.png").write_bytes(png((1, 2, 3), (b"cICP", bytes([*points, 0, 1]))))
        assert read.picture(tmp_path / "a.png").profile == name
    (tmp_path / "a.png").write_bytes(png((1, 2, 3), (b"cICP", bytes([1, 13, 0, 1]))))
    assert read.picture(tmp_path / "a.png").profile is None


@pytest.mark.parametrize("points", [(200, 13, 0, 1), (1, 9, 0, 1), (9, 16, 9, 1), (9, 16, 0, 0)])
def test_unknown_code_points_are_refused(from_bytes, points):
    with pytest.raises(PictureError, match=r"save it in sRGB$"):
        from_bytes(png((1, 2, 3), (b"cICP", bytes(points))))


def test_code_points_of_an_avif(from_bytes):
    picture = Image.new("RGB", (16, 16), RED_IN_P3)
    data = bytearray(picture_files.encoded(picture, "AVIF", quality=100, subsampling="4:4:4"))
    place = data.index(b"colrnclx") + 8
    assert struct.unpack_from(">HH", data, place) == (1, 13)
    struct.pack_into(">H", data, place, 12)
    np.testing.assert_allclose(from_bytes(bytes(data))[8, 8], (255, 0, 0), atol=3)


def test_adobe_rgb_of_a_camera(from_bytes):
    """DCF 2.0: interoperability index R03. Green (0, 1, 0) of sRGB is (144, 255, 60) in Adobe RGB."""
    exif = Image.Exif()
    exif.get_ifd(0xA005)[1] = "R03"
    exif.get_ifd(0x8769)[0xA005] = exif.get_ifd(0xA005)
    data = picture_files.encoded(Image.new("RGB", (16, 16), (144, 255, 60)), "JPEG", quality=100, exif=exif)
    if Image.open(io.BytesIO(data)).getexif().get_ifd(0xA005).get(1) != "R03":
        pytest.skip("this Pillow does not write the interoperability directory")
    np.testing.assert_allclose(from_bytes(data)[8, 8], (0, 255, 0), atol=3)


@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22])
@pytest.mark.parametrize("transfer", [4, 5, 8, 13])
def test_white_and_black_are_kept(primaries, transfer):
    space = color_spaces.of_code_points(primaries, transfer)
    if space is not None:
        np.testing.assert_allclose(converted(space, 255, 255, 255), 255, atol=0.1)
        np.testing.assert_allclose(converted(space, 0, 0, 0), 0, atol=0.1)


def test_lab():
    """L* 50 is 18.4 % of the light, 118.9 in sRGB; and the red of sRGB under D50."""
    lab = np.array([[[50, 0, 0], [100, 0, 0], [54.29, 80.81, 69.89]]])
    expected = [[(118.9, 118.9, 118.9), (255, 255, 255), (255, 0, 0)]]
    np.testing.assert_allclose(color_spaces.lab_to_srgb(lab), expected, atol=0.5)
