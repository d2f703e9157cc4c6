"""Alpha channels that are no transparency, parts of a picture that no frame covers, and stills that are not shown."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from brushwork.pictures import read
from tests.helpers import picture_files

BLUE, CLEAR = (10, 20, 200), (255, 255, 255)


def psd(channels, layers):
    """A Photoshop document of 2 x 1 pixels in raw channels. layers: their number, or None without layer data."""
    head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", len(channels), 1, 2, 8, 3) + bytes(8)
    section = b"" if layers is None else struct.pack(">Ih", 2, layers)
    return head + struct.pack(">I", len(section)) + section + b"\0\0" + b"".join(channels)


RGBA = [b"\x0a\x0a", b"\x14\x14", b"\xc8\xc8", b"\xff\x00"]


@pytest.mark.parametrize(("layers", "second"), [(None, BLUE), (1, BLUE), (-1, CLEAR)])
def test_the_fourth_channel_of_a_psd(from_bytes, layers, second):
    np.testing.assert_array_equal(from_bytes(psd(RGBA, layers))[0], [BLUE, second])


def test_a_psd_of_photoshop_is_laid_over_white_already(from_bytes):
    """Half transparent blue: (10 + 255) / 2, and so on. Other programs store the colours themselves."""
    half = [b"\x85\x85", b"\x8a\x8a", b"\xe4\xe4", b"\x80\x80"]
    np.testing.assert_array_equal(from_bytes(psd(half, -1))[0], [(133, 138, 228)] * 2)
    straight = [b"\x0a\x0a", b"\x14\x14", b"\xc8\xc8", b"\x80\x80"]
    np.testing.assert_allclose(from_bytes(psd(straight, -1))[0], [(132, 137, 227.4)] * 2, atol=0.5)


def tga(alphas, attribute_bits):
    head = bytes([0, 0, 2]) + bytes(9) + struct.pack("<HHBB", 2, 1, 32, attribute_bits | 32)
    return head + b"".join(bytes([*BLUE[::-1], alpha]) for alpha in alphas)


@pytest.mark.parametrize(
    ("alphas", "bits", "expected"),
    [
        ((255, 0), 8, [BLUE, CLEAR]),
        ((255, 0), 0, [BLUE, BLUE]),  # the fourth byte is unused
        ((0, 0), 8, [BLUE, BLUE]),  # 0 everywhere, as programs write it that know no alpha
    ],
)
def test_the_fourth_channel_of_a_tga(from_bytes, alphas, bits, expected):
    np.testing.assert_array_equal(from_bytes(tga(alphas, bits), "a.tga")[0], expected)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def control(number, width, height, left=0, top=0):
    return chunk(b"fcTL", struct.pack(">5IHHBB", number, width, height, left, top, 1, 10, 0, 0))


def apng(*chunks):
    """An animated PNG of 2 x 2 pixels, grey, from its chunks after the animation control."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)) + chunk(b"acTL", struct.pack(">II", 1, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


STILL, FRAME = zlib.compress(b"\0\1\2\0\3\4"), zlib.compress(b"\0\x33\x34\0\x35\x36")


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([chunk(b"IDAT", STILL), control(0, 2, 2), chunk(b"fdAT", bytes(4) + FRAME)], [[51, 52], [53, 54]]),
        (
            [control(0, 2, 2), chunk(b"IDAT", STILL), control(1, 2, 2), chunk(b"fdAT", bytes(4) + FRAME)],
            [[1, 2], [3, 4]],
        ),
        (
            [chunk(b"IDAT", STILL), control(0, 1, 1, 1, 1), chunk(b"fdAT", bytes(4) + zlib.compress(b"\0\x33"))],
            [[255, 255], [255, 51]],
        ),
    ],
)
def test_the_first_frame_of_an_animated_png(from_bytes, chunks, expected):
    np.testing.assert_array_equal(from_bytes(apng(*chunks))[:, :, 0], expected)


def test_a_gif_whose_first_frame_is_smaller_than_its_screen(tmp_path):
    data = bytearray(picture_files.encoded(Image.new("P", (2, 1), 0), "GIF"))
    struct.pack_into("<HH", data, 6, 4, 3)  # of the screen
    place = data.index(b",\0\0\0\0\2\0\1\0")
    struct.pack_into("<HH", data, place + 1, 1, 2)  # left, top
    (tmp_path / "a.gif").write_bytes(data)
    picture = read.picture(tmp_path / "a.gif")
    expected = np.zeros((3, 4))
    expected[2, 1:3] = 1
    np.testing.assert_array_equal(picture.opacity, expected)
    np.testing.assert_array_equal(picture.image[0, 0], CLEAR)


def test_a_transparent_style_is_imitated_where_it_is_opaque(command, plans):
    picture = np.full((40, 40, 4), 99, np.uint8)
    picture[:, :20, 3] = 0
    picture[:, 20:, 3] = 255
    Image.fromarray(picture).save("style.png")
    status, _, err = command("--style-size", "original")
    assert status == 0
    assert err == "neural_style: warning: style.png is transparent in places; only the rest counts as the style\n"
    np.testing.assert_array_equal(plans[0].masks.sources, picture[np.newaxis, :, :, 3] / 255)


def test_a_style_of_which_nothing_is_seen_is_refused(command, plans):
    Image.new("RGBA", (40, 40), (9, 9, 9, 0)).save("style.png")
    assert command()[2] == "neural_style: error: cannot use style.png: every pixel is transparent\n"


def test_a_transparent_style_of_a_preview_is_mentioned(command):
    Image.new("RGBA", (40, 40), (9, 9, 9, 100)).save("style.png")
    assert "style.png is transparent in places, which count as white in the style" in command("--instant")[2]


def test_grey_pictures_get_a_hint(command, plans):
    for name in ("content.png", "style.png"):
        Image.open(name).convert("L").save(name)
    hint = "the content and the styles are grey, but the picture may get colours; --colors luma keeps it grey"
    assert command()[2] == f"neural_style: warning: {hint}\n"
    assert command("--colors", "luma")[2] == ""
