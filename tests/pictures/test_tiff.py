"""TIFF: depths, formats, planes, tiles and compressions, each with values worked out by hand."""

import struct

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import read
from tests.helpers import picture_files

REMEDY = "save it with 8 bits, or as PNG"


def tiff(tags, *cells, order="<", thumbnail=b""):
    """A TIFF with these tags, in strips or, with a tile width (322), in tiles. thumbnail: another TIFF, put before."""
    cells = [cell.tobytes() if isinstance(cell, np.ndarray) else cell for cell in cells]
    places, counts = (324, 325) if 322 in tags else (273, 279)
    tags = {256: [2], 257: [1], 258: [8], 259: [1], 262: [1], 277: [1], 278: [1]} | tags
    tags |= {places: [0] * len(cells), counts: [len(cell) for cell in cells]}
    head = thumbnail or {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8)
    start = len(head) + 2 + 12 * len(tags) + 4
    long_values = sum(4 * len(value) for value in tags.values() if len(value) > 1)
    tags[places] = list(start + long_values + np.cumsum([0, *map(len, cells)])[:-1])
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, values = struct.pack(f"{order}I", start + len(values)), values + packed
        entries += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + packed
    if thumbnail:
        following = 10 + 12 * struct.unpack_from(f"{order}H", head, 8)[0]
        head = head[:following] + struct.pack(f"{order}I", len(head)) + head[following + 4 :]
    return head + struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + values + b"".join(cells)


def u2(*values):
    return np.array(values, "<u2")


RGB = {262: [2], 277: [3]}
GREY = [[25828 / 257] * 3, [255] * 3]
YCBCR = [(100, 100, 100), (254, 0, 0)]
COLORS = [(1, 2, 3), (250, 251, 252)]
FILES = {
    "16-bit grey": (tiff({258: [16]}, u2(25828, 65535)), GREY),
    "16-bit grey, big-endian, white is zero": (
        tiff({258: [16], 262: [0]}, np.array([39707, 0], ">u2"), order=">"),
        GREY,
    ),
    "16-bit planes": (
        tiff(RGB | {258: [16] * 3, 284: [2]}, u2(257, 64250), u2(514, 64507), u2(771, 64764)),
        COLORS,
    ),
    "8-bit planes": (tiff(RGB | {258: [8] * 3, 284: [2]}, b"\1\xfa", b"\2\xfb", b"\3\xfc"), COLORS),
    "16-bit predictor": (
        tiff(RGB | {258: [16] * 3, 317: [2]}, u2(257, 514, 771, 63993, 63993, 63993)),
        COLORS,
    ),
    "half floats": (tiff({258: [16], 339: [3]}, np.array([0.5, 1], "<f2")), [[127.5] * 3, [255] * 3]),
    "floats, predictor": (
        tiff({258: [32], 339: [3], 317: [3]}, bytes([0x3F, 0, 0xC1, 0x80, 0x80, 0, 0, 0])),
        [[127.5] * 3, [255] * 3],
    ),
    "doubles": (tiff({258: [64], 339: [3]}, np.array([51, 255], "<f8")), [[51] * 3, [255] * 3]),
    "colour floats": (
        tiff(RGB | {258: [32] * 3, 339: [3] * 3}, np.array([0, 0.2, 0.4, 0.6, 0.8, 1], "<f4")),
        [(0, 51, 102), (153, 204, 255)],
    ),
    "32 bits": (tiff({258: [32]}, np.array([0x33333333, 0xFFFFFFFF], "<u4")), [[51] * 3, [255] * 3]),
    "10 bits": (tiff({258: [10]}, bytes([0b00110011, 0b01111111, 0b11110000])), [[51.3] * 3, [255] * 3]),
    "2 bits": (tiff({258: [2]}, b"\x70"), [[85] * 3, [255] * 3]),
    "bits in reverse": (tiff({258: [1], 266: [2]}, b"\x02"), [[0] * 3, [255] * 3]),
    "palette": (tiff({262: [3], 258: [1], 320: [2570, 51400, 0, 257, 0, 0]}, b"\x40"), [(10, 0, 0), (200, 1, 0)]),
    "palette of 8 bits": (tiff({262: [3], 258: [1], 320: [10, 200, 0, 1, 0, 0]}, b"\x40"), [(10, 0, 0), (200, 1, 0)]),
    "16-bit alpha": (
        tiff(RGB | {277: [4], 258: [16] * 4, 338: [2], 256: [1]}, u2(1285, 26985, 65535, 13107)),
        [(205, 225, 255)],
    ),
    "16-bit alpha, premultiplied": (
        tiff(RGB | {277: [4], 258: [16] * 4, 338: [1], 256: [1]}, u2(257, 5397, 13107, 13107)),
        [(205, 225, 255)],
    ),
    "an extra channel that is no alpha": (
        tiff(RGB | {277: [4], 258: [8] * 4, 338: [0]}, bytes([1, 2, 3, 0, 250, 251, 252, 0])),
        COLORS,
    ),
    "alpha after another channel": (
        tiff(RGB | {277: [5], 258: [8] * 5, 338: [0, 2], 256: [1]}, bytes([5, 105, 255, 0, 51])),
        [(205, 225, 255)],
    ),
    "16-bit Lab": (
        tiff({262: [8], 277: [3], 258: [16] * 3}, u2(32767, 0, 0, 35578, 20687, 17892)),
        [(118.9, 118.9, 118.9), (255, 0, 0)],
    ),
    "ICC Lab": (
        tiff({262: [9], 277: [3], 258: [8] * 3}, bytes([128, 128, 128, 138, 209, 198])),
        [[119] * 3, (255, 0, 0)],
    ),
    "Y'CbCr": (tiff({262: [6], 277: [3], 258: [8] * 3, 530: [1, 1]}, bytes([100, 128, 128, 76, 85, 255])), YCBCR),
    "Y'CbCr of blocks": (
        tiff({262: [6], 277: [3], 258: [8] * 3, 530: [2, 1]}, bytes([76, 76, 85, 255])),
        [YCBCR[1]] * 2,
    ),
    "16-bit CMYK": (
        tiff({262: [5], 277: [4], 258: [16] * 4}, u2(65535, 0, 0, 0, 0, 0, 0, 52428)),
        [(0, 255, 255), (51, 51, 51)],
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_kinds(from_bytes, name):
    data, expected = FILES[name]
    np.testing.assert_allclose(from_bytes(data)[0], expected, atol=2.5 if "Lab" in name else 0.3)


def test_tiles_in_planes_with_an_edge(from_bytes):
    """24 x 20 pixels of 16 bits in tiles of 16 x 16: the tiles at the right and at the bottom are cut off."""
    picture = np.random.default_rng(0).integers(0, 65536, (20, 24, 3)).astype("<u2")
    padded = np.pad(picture, ((0, 12), (0, 8), (0, 0)))
    tiles = [padded[y : y + 16, x : x + 16, c] for c in range(3) for y in (0, 16) for x in (0, 16)]
    tags = RGB | {256: [24], 257: [20], 258: [16] * 3, 284: [2], 322: [16], 323: [16]}
    np.testing.assert_allclose(from_bytes(tiff(tags, *tiles)), picture / 257, atol=1e-3)


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "zstd", "lzma"])
@pytest.mark.parametrize("mode", ["RGB", "I;16", "L", "1", "P", "CMYK", "RGBA"])
def test_compressions_of_pillow(from_bytes, compression, mode):
    picture = Image.fromarray(picture_files.texture(300, 400))
    picture = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
    try:
        data = picture_files.encoded(picture, "TIFF", compression=compression)
    except (OSError, RuntimeError, ValueError):
        pytest.skip("not in this Pillow")
    np.testing.assert_array_equal(from_bytes(data), from_bytes(picture_files.encoded(picture, "TIFF")))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "YCbCr"])
def test_jpeg_in_tiff(from_bytes, mode):
    picture = Image.fromarray(np.full((70, 90, 3), (200, 90, 30), np.uint8)).convert(mode)
    image = from_bytes(picture_files.encoded(picture, "TIFF", compression="jpeg", quality=95))
    np.testing.assert_allclose(image, np.asarray(picture.convert("RGB")), atol=4)


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_ccitt"])
def test_fax(from_bytes, compression):
    picture = Image.fromarray(picture_files.texture(70, 90)).convert("1")
    image = from_bytes(picture_files.encoded(picture, "TIFF", compression=compression))
    np.testing.assert_array_equal(image[:, :, 0], np.asarray(picture) * 255.0)


def test_the_thumbnail_of_a_picture_is_not_the_picture(tmp_path):
    """NewSubfileType 1: the first directory is a reduced version of the second."""
    data = tiff({}, b"\x33\xff", thumbnail=tiff({254: [1], 256: [1]}, b"\x09"))
    (tmp_path / "a.tif").write_bytes(data)
    picture = read.picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.image[0, :, 0], [51, 255])
    assert picture.frames == 1


REFUSED = {
    "signed": (tiff({258: [16], 339: [2]}, u2(1, 2)), f"it is a TIFF of signed numbers; {REMEDY}"),
    "24 bits": (tiff({258: [24]}, bytes(6)), f"it is a TIFF with samples of 24 bits; {REMEDY}"),
    "different depths": (tiff(RGB | {258: [5, 6, 5]}, bytes(6)), "its channels differ in depth or format"),
    "camera raw": (tiff({262: [32803]}, bytes(2)), "it is a camera raw file; export it as TIFF or JPEG"),
    "LogLuv": (
        tiff({262: [32845], 277: [3], 258: [16] * 3}, bytes(12)),
        f"it is a TIFF of LogLuv in 3 channels, which cannot be read; {REMEDY}",
    ),
    "inks": (
        tiff({262: [5], 277: [4], 258: [8] * 4, 332: [2]}, bytes(8)),
        f"its inks are not cyan, magenta, yellow and black; {REMEDY}",
    ),
    "LERC": (tiff({259: [34887]}, bytes(2)), "it is a TIFF whose data are in LERC; save it with LZW or no compression"),
    "half a strip": (tiff({}, b"\1"), "truncated TIFF"),
    "a palette of the wrong length": (tiff({262: [3], 320: [1, 2, 3]}, bytes(2)), "its palette has the wrong length"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_kinds_that_cannot_be_read_are_named(from_bytes, name):
    data, message = REFUSED[name]
    with pytest.raises(PictureError) as error:
        from_bytes(data)
    assert message in str(error.value)
