"""Radiance HDR, PFM and PAM, byte by byte."""

import numpy as np
import pytest

from brushwork.errors import PictureError
from brushwork.pictures import read

HALF = 187.5  # half the light in sRGB
# 0.5 is 128 / 256 with exponent 0 (128); 1 has exponent 1; 8 is brighter than white
PIXELS = [(128, 64, 0, 128), (128, 128, 128, 129), (128, 128, 128, 132), (0, 0, 0, 0)]
IMAGE = [(HALF, 136.9, 0), (255,) * 3, (255,) * 3, (0,) * 3]


def hdr(data, size=b"-Y 1 +X 4", head=b""):
    return b"#?RADIANCE\n" + head + b"FORMAT=32-bit_rle_rgbe\n\n" + size + b"\n" + data


FLAT = bytes(np.array(PIXELS, np.uint8))
RUNS = b"\2\2\0\x08" + b"".join(bytes([4, *channel, 128 + 4, channel[-1]]) for channel in zip(*PIXELS, strict=True))
FILES = {
    "flat": (hdr(FLAT), IMAGE),
    "from right to left": (hdr(FLAT, b"-Y 1 -X 4"), IMAGE[::-1]),
    "run lengths": (hdr(RUNS, b"-Y 1 +X 8"), IMAGE + [IMAGE[-1]] * 4),
    "pfm, little": (b"PF\n2 1\n-1.0\n" + np.array([0.5, 0.25, 0, 1, 9, 1], "<f4").tobytes(), IMAGE[:2]),
    "pfm, big": (b"PF\n2 1\n1.0\n" + np.array([0.5, 0.25, 0, 1, 9, 1], ">f4").tobytes(), IMAGE[:2]),
    "pfm, grey": (b"Pf 2 1 -1\n" + np.array([0.5, -1], "<f4").tobytes(), [(HALF,) * 3, (0,) * 3]),
    "pam, rgba": (
        b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes([5, 105, 255, 51]),
        [(205, 225, 255)],
    ),
    "pam, 16 bits": (
        b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 65535\nENDHDR\n" + np.array([25700, 65535], ">u2").tobytes(),
        [(100,) * 3, (255,) * 3],
    ),
    "pam, black and white": (b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 1\nENDHDR\n\0\1", [(0,) * 3, (255,) * 3]),
}


@pytest.mark.parametrize("name", FILES)
def test_pixels(from_bytes, name):
    data, expected = FILES[name]
    np.testing.assert_allclose(from_bytes(data)[0], expected, atol=0.1)


def test_rows_of_a_pfm_begin_at_the_bottom(from_bytes):
    image = from_bytes(b"Pf\n1 3\n-1\n" + np.array([0, 0.5, 1], "<f4").tobytes())
    np.testing.assert_allclose(image[:, 0, 0], [255, HALF, 0], atol=0.1)


def test_exposure_is_no_part_of_the_picture(from_bytes):
    """As in ImageMagick, the numbers are taken as they are."""
    np.testing.assert_array_equal(from_bytes(hdr(FLAT, head=b"EXPOSURE=2\n")), from_bytes(hdr(FLAT)))


def test_light_brighter_than_white_is_mentioned(command, plans, tmp_path):
    (tmp_path / "a.hdr").write_bytes(hdr(FLAT * 24 * 9, b"-Y 36 +X 24"))
    assert read.picture(tmp_path / "a.hdr").remarks
    status, _, err = command("--content", tmp_path / "a.hdr", "--width", 24)
    assert status == 0
    assert "a.hdr holds light brighter than white, which becomes white" in err
    (tmp_path / "a.hdr").write_bytes(hdr(FLAT[:8] * 2))
    assert not read.picture(tmp_path / "a.hdr").remarks


REFUSED = {
    "truncated HDR": hdr(FLAT[:-1]),
    "truncated PFM": b"PF\n2 1\n-1.0\n1234",
    "truncated PAM": b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 1\nMAXVAL 255\nENDHDR\n1",
    "it is a Radiance picture in XYZ": b"#?RADIANCE\nFORMAT=32-bit_rle_xyze\n\n-Y 1 +X 4\n" + FLAT,
    "turned by 90 degrees": hdr(FLAT, b"+X 4 -Y 1"),
    "numbers that are not finite": b"Pf\n1 1\n-1\n" + np.array([np.nan], "<f4").tobytes(),
    "more than the limit": b"P7\nWIDTH 99999\nHEIGHT 99999\nDEPTH 1\nMAXVAL 255\nENDHDR\n1",
    "damaged PFM": b"Pf\n-1 1\n-1\nabcd",
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_read_is_named(from_bytes, message):
    with pytest.raises(PictureError, match=message):
        from_bytes(REFUSED[message])
