"""Pictures: every mode, orientation, profile and kind of damage; sizes and colours."""

import io
import os
import resource
import struct
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import images
import pictures
from images import PictureError

# Modes. Expected values are worked out by hand, or by the formulas of the standards.


def from_bytes(mode, width, data):
    return Image.frombytes(mode, (width, 1), bytes(data))


def palette(*indices, mode="P", transparency=None):
    picture = from_bytes(mode, len(indices) // len(mode), indices)
    picture.putpalette([10, 20, 30, 200, 100, 50])
    if transparency is not None:
        picture.info["transparency"] = transparency
    return picture


def keyed(picture, transparency):
    picture.info["transparency"] = transparency
    return picture


LAB_RED = [138, 81, 70]  # the red of sRGB under D50: L* 54.3 of 100, a* 80.8, b* 69.9

MODES = {
    "1": (lambda: from_bytes("1", 2, [0b01000000]), [0, 255]),
    "1 with a key": (lambda: keyed(from_bytes("1", 2, [0b01000000]), 0), [255, 255]),
    "L": (lambda: from_bytes("L", 3, [0, 100, 255]), [0, 100, 255]),
    "L with a key": (lambda: keyed(from_bytes("L", 3, [0, 100, 7]), 100), [0, 255, 7]),
    "LA": (lambda: from_bytes("LA", 3, [100, 255, 100, 51, 100, 0]), [100, 224, 255]),
    "La": (lambda: from_bytes("La", 3, [100, 255, 20, 51, 0, 0]), [100, 224, 255]),
    "P": (lambda: palette(1, 0), [(200, 100, 50), (10, 20, 30)]),
    "P, one clear": (lambda: palette(1, 0, transparency=0), [(200, 100, 50), (255, 255, 255)]),
    "P, translucent": (lambda: palette(1, 0, transparency=b"\x33"), [(200, 100, 50), (206, 208, 210)]),
    "PA": (lambda: palette(1, 51, 0, 255, mode="PA"), [(244, 224, 214), (10, 20, 30)]),
    "RGB": (lambda: from_bytes("RGB", 2, [1, 2, 3, 250, 251, 252]), [(1, 2, 3), (250, 251, 252)]),
    "RGB with a key": (lambda: keyed(from_bytes("RGB", 2, [1, 2, 3, 1, 2, 4]), (1, 2, 3)), [(255,) * 3, (1, 2, 4)]),
    "RGBA": (lambda: from_bytes("RGBA", 2, [5, 105, 255, 51, 9, 8, 7, 0]), [(205, 225, 255), (255, 255, 255)]),
    "RGBa": (lambda: from_bytes("RGBa", 2, [1, 21, 51, 51, 9, 8, 7, 255]), [(205, 225, 255), (9, 8, 7)]),
    "RGBX": (lambda: from_bytes("RGBX", 1, [1, 2, 3, 0]), [(1, 2, 3)]),
    "CMYK": (
        lambda: from_bytes("CMYK", 3, [255, 0, 0, 0, 51, 102, 0, 0, 0, 51, 0, 51]),
        [(0, 255, 255), (204, 153, 255), (204, 163.2, 204)],
    ),
    "YCbCr": (lambda: from_bytes("YCbCr", 2, [100, 128, 128, 76, 85, 255]), [(100, 100, 100), (254, 0, 0)]),
    "LAB": (lambda: from_bytes("LAB", 2, [*LAB_RED, 255, 0, 0]), [(255, 0, 0), (255, 255, 255)]),
    "HSV": (lambda: from_bytes("HSV", 2, [0, 255, 200, 85, 255, 90]), [(200, 0, 0), (0, 90, 0)]),
    "I;16": (lambda: from_bytes("I;16", 3, struct.pack("<3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16L": (lambda: from_bytes("I;16L", 3, struct.pack("<3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16B": (lambda: from_bytes("I;16B", 3, struct.pack(">3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16N": (lambda: from_bytes("I;16N", 3, struct.pack("=3H", 0, 25828, 65535)), [0, 25828 / 257, 255]),
    "I;16 with a key": (lambda: keyed(from_bytes("I;16", 2, struct.pack("<2H", 771, 770)), 771), [255, 770 / 257]),
    "I": (lambda: from_bytes("I", 4, struct.pack("=4i", -9, 0, 25828, 65535)), [0, 0, 25828 / 257, 255]),
    "I of a dark picture": (lambda: from_bytes("I", 2, struct.pack("=2i", 0, 257)), [0, 1]),
    "F to 1": (lambda: from_bytes("F", 4, struct.pack("=4f", -0.1, 0.4, 0.5, 1)), [0, 102, 127.5, 255]),
    "F a little over 1": (lambda: from_bytes("F", 2, struct.pack("=2f", 0.4, 1.1)), [102, 255]),
    "F to 255": (lambda: from_bytes("F", 3, struct.pack("=3f", -1, 100.25, 256)), [0, 100.25, 255]),
    "F to 65535": (lambda: from_bytes("F", 2, struct.pack("=2f", 25828, 65535)), [25828 / 257, 255]),
}
TOLERANCE = {"LAB": 5, "CMYK": 1, "YCbCr": 1}  # those that Pillow converts to 8 bits


@pytest.mark.parametrize("name", MODES)
def test_modes(name):
    make, expected = MODES[name]
    image = images.from_pillow(make())
    assert image.dtype == np.float32
    expected = np.array(expected, float)
    expected = expected if expected.ndim == 2 else np.repeat(expected[:, np.newaxis], 3, axis=1)
    np.testing.assert_allclose(image, expected[np.newaxis], atol=TOLERANCE.get(name, 1e-4))


@pytest.mark.parametrize(("mode", "code"), [("I", "i"), ("F", "f")])
def test_values_that_are_no_picture_are_refused(mode, code):
    with pytest.raises(PictureError, match="values of 0 to 200000, where white should be 65535 at most"):
        images.from_pillow(from_bytes(mode, 2, struct.pack(f"=2{code}", 0, 200_000)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    with pytest.raises(PictureError, match="values of"):
        images.from_pillow(from_bytes("F", 2, struct.pack("=2f", 0.5, value)))


# Modes as they come in files.


@pytest.fixture
def read(tmp_path):
    """Reads the picture of a file with these bytes."""

    def read_bytes(data, name="picture"):
        path = tmp_path / name
        path.write_bytes(data)
        return images.read(path)

    return read_bytes


def words(*values):
    return struct.pack(f">{len(values)}H", *values)


def short_words(*values):
    return struct.pack(f"<{len(values)}H", *values)


KEY = b"tRNS"
PALETTE = (b"PLTE", bytes([10, 20, 30, 200, 100, 50]))
FILES = {
    "png 1": (pictures.png(2, 1, 1, 0, [b"\x40"]), [0, 255]),
    "png 1 with a key": (pictures.png(2, 1, 1, 0, [b"\x40"], (KEY, words(0))), [255, 255]),
    "png 2": (pictures.png(4, 1, 2, 0, [b"\x1b"]), [0, 85, 170, 255]),
    "png 2 with a key": (pictures.png(4, 1, 2, 0, [b"\x1b"], (KEY, words(1))), [0, 255, 170, 255]),
    "png 4 with a key": (pictures.png(2, 1, 4, 0, [b"\x3a"], (KEY, words(3))), [255, 170]),
    "png 8 with a key": (pictures.png(2, 1, 8, 0, [b"\x03\x33"], (KEY, words(3))), [255, 51]),
    "png 16": (pictures.png(2, 1, 16, 0, [words(25828, 65535)]), [25828 / 257, 255]),
    "png 16 with a key": (pictures.png(2, 1, 16, 0, [words(771, 770)], (KEY, words(771))), [255, 770 / 257]),
    "png 8 alpha": (pictures.png(1, 1, 8, 4, [bytes([100, 51])]), [224]),
    "png 16 alpha": (pictures.png(1, 1, 16, 4, [words(100 * 257, 51 * 257)]), [224]),
    "png palette": (pictures.png(2, 1, 8, 3, [b"\1\0"], PALETTE), [(200, 100, 50), (10, 20, 30)]),
    "png palette, one clear": (
        pictures.png(2, 1, 8, 3, [b"\1\0"], PALETTE, (KEY, b"\0")),
        [(200, 100, 50), (255, 255, 255)],
    ),
    "png palette, translucent": (
        pictures.png(2, 1, 1, 3, [b"\x80"], PALETTE, (KEY, b"\x33\x00")),
        [(255, 255, 255), (206, 208, 210)],
    ),
    "png rgb with a key": (
        pictures.png(2, 1, 8, 2, [bytes([1, 2, 3, 1, 2, 4])], (KEY, words(1, 2, 3))),
        [(255, 255, 255), (1, 2, 4)],
    ),
    "png rgb 16": (pictures.png(1, 1, 16, 2, [words(257, 2 * 257, 65535)]), [(1, 2, 255)]),
    "png rgb 16 with a key": (
        pictures.png(2, 1, 16, 2, [words(257, 514, 771, 257, 514, 1028)], (KEY, words(257, 514, 771))),
        [(255, 255, 255), (1, 2, 4)],
    ),
    "png rgba": (pictures.png(1, 1, 8, 6, [bytes([5, 105, 255, 51])]), [(205, 225, 255)]),
    "tiff 16, little": (pictures.tiff("<", 2, 1, 1, [16], short_words(25828, 65535)), [25828 / 257, 255]),
    "tiff 16, big": (pictures.tiff(">", 2, 1, 1, [16], words(25828, 65535)), [25828 / 257, 255]),
    "tiff 12": (pictures.tiff("<", 2, 1, 1, [12], b"\xff\xf3\x33"), [255, 51]),
    "tiff float, little": (
        pictures.tiff("<", 2, 1, 1, [32], struct.pack("<2f", 0.4, 1), sample_format=3),
        [102, 255],
    ),
    "tiff float, big": (
        pictures.tiff(">", 2, 1, 1, [32], struct.pack(">2f", 100.25, 255), sample_format=3),
        [100.25, 255],
    ),
    "tiff 32": (pictures.tiff("<", 2, 1, 1, [32], struct.pack("<2i", 25828, 65535)), [25828 / 257, 255]),
    "tiff white is zero": (pictures.tiff("<", 2, 1, 0, [8], b"\x00\x37"), [255, 200]),
    "tiff premultiplied": (pictures.tiff("<", 1, 1, 2, [8] * 4, bytes([1, 21, 51, 51]), extra=1), [(205, 225, 255)]),
    "tiff alpha": (pictures.tiff("<", 1, 1, 2, [8] * 4, bytes([5, 105, 255, 51]), extra=2), [(205, 225, 255)]),
    "tiff cmyk": (pictures.tiff("<", 1, 1, 5, [8] * 4, bytes([255, 0, 0, 0])), [(0, 255, 255)]),
    "tiff lab": (pictures.tiff("<", 1, 1, 8, [8] * 3, bytes(LAB_RED)), [(255, 0, 0)]),
    "pgm 16": (b"P5 2 1 65535\n" + words(25828, 65535), [25828 / 257, 255]),
    "ppm": (b"P6 1 1 255\n" + bytes([1, 2, 3]), [(1, 2, 3)]),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_mode(read, name):
    data, expected = FILES[name]
    expected = np.array(expected, float)
    expected = expected if expected.ndim == 2 else np.repeat(expected[:, np.newaxis], 3, axis=1)
    np.testing.assert_allclose(read(data), expected[np.newaxis], atol=5 if "lab" in name else 1e-4)


def test_cmyk_jpeg(read):
    """Adobe's inverted inks, which is how Pillow writes them."""
    data = pictures.encoded(Image.new("CMYK", (16, 16), (51, 102, 0, 51)), "JPEG", quality=100)
    np.testing.assert_allclose(read(data), np.full((16, 16, 3), (163.2, 122.4, 204)), atol=3)


def test_the_result_is_an_array_of_its_own(read):
    image = read(pictures.encoded(pictures.texture(), "PNG"))
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image.flags.writeable
    np.testing.assert_array_equal(image, pictures.texture())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(read, kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    data = pictures.encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.n_frames == 3
    np.testing.assert_allclose(read(data), np.full((8, 8, 3), (255, 0, 0)), atol=1)


def test_the_name_does_not_matter(read):
    expected = read(pictures.encoded(pictures.texture(), "PNG"), "right.png")
    np.testing.assert_array_equal(read(pictures.encoded(pictures.texture(), "PNG"), "wrong.jpg"), expected)


# Orientation. The file holds ABC over DEF; a capital is a square of one colour.

COLORS = dict(
    zip("ABCDEF", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (0, 0, 0)], strict=True)
)
UPRIGHT = [
    "ABC DEF",
    "ABC DEF",
    "CBA FED",
    "FED CBA",
    "DEF ABC",
    "AD BE CF",
    "DA EB FC",
    "FC EB DA",
    "CF BE AD",
    "ABC DEF",
]


def squares(rows):
    colors = np.array([[COLORS[letter] for letter in row] for row in rows.split()], np.uint8)
    return colors.repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation(read, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    image = read(pictures.encoded(squares("ABC DEF"), kind, exif=exif, **options))
    expected = squares(UPRIGHT[orientation])
    assert image.shape == expected.shape
    np.testing.assert_allclose(image, expected, atol=2)


@pytest.mark.parametrize(
    "exif", [b"garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"]
)
def test_damaged_exif_does_not_spoil_a_picture(read, exif):
    image = read(pictures.encoded(squares("ABC DEF"), "JPEG", exif=exif, quality=100, subsampling=0))
    np.testing.assert_allclose(image, squares("ABC DEF"), atol=2)


# Profiles.


def test_profile_of_a_colour_picture(read):
    picture = pictures.texture()
    image = read(pictures.encoded(picture, "PNG", icc_profile=pictures.swapped_profile()))
    np.testing.assert_allclose(image, picture[:, :, ::-1], atol=2)


def test_profile_of_srgb_changes_nothing(read):
    image = read(pictures.encoded(pictures.texture(), "PNG", icc_profile=pictures.srgb_profile()))
    np.testing.assert_allclose(image, pictures.texture(), atol=1)


def test_profile_comes_before_transparency(read):
    """Over white a half transparent (0, 0, 200) is (128, 128, 227.5) and then swapped; white itself would stay."""
    picture = Image.new("RGBA", (4, 4), (0, 100, 200, 51))
    image = read(pictures.encoded(picture, "PNG", icc_profile=pictures.swapped_profile()))
    np.testing.assert_allclose(image, np.full((4, 4, 3), (244, 224, 204)), atol=0.5)


def test_profile_of_a_palette(read):
    picture = Image.fromarray(pictures.texture()).quantize(8)
    plain = read(pictures.encoded(picture, "PNG"))
    image = read(pictures.encoded(picture, "PNG", icc_profile=pictures.swapped_profile()))
    np.testing.assert_allclose(image, plain[:, :, ::-1], atol=2)
    assert abs(image - plain).max() > 50


def srgb_of_linear(linear):
    """IEC 61966-2-1; linear 0..1."""
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_profile_of_a_grey_picture(read):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = read(pictures.encoded(grey, "PNG", icc_profile=pictures.grey_profile()))
    expected = srgb_of_linear(grey / 255)
    np.testing.assert_allclose(image, np.repeat(expected[:, :, np.newaxis], 3, axis=2), atol=1.5)


def test_profile_of_a_grey_picture_of_16_bits(read):
    values = np.linspace(20_000, 21_000, 64).astype(np.uint16)
    data = pictures.encoded(Image.fromarray(values[np.newaxis]), "PNG", icc_profile=pictures.grey_profile())
    image = read(data)[0, :, 0]
    np.testing.assert_allclose(image, srgb_of_linear(values / 65535), atol=1.5)
    assert len(np.unique(image)) == 64


def test_colour_profile_of_a_grey_picture(read):
    """As from a camera's picture that was made grey afterwards."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = read(pictures.encoded(grey, "PNG", icc_profile=pictures.swapped_profile()))
    np.testing.assert_allclose(image, np.repeat(grey[:, :, np.newaxis], 3, axis=2), atol=1.5)


def test_profile_of_inks(read):
    """In this profile only black ink shows, and lightness is linear in it."""
    picture = from_bytes("CMYK", 3, [255, 255, 255, 0, 0, 0, 0, 255, 0, 0, 0, 119])
    image = read(pictures.encoded(picture, "TIFF", icc_profile=pictures.ink_profile()))
    middle = srgb_of_linear(((53.33 + 16) / 116) ** 3)  # L* is 53.33 where 119 of 255 are black
    np.testing.assert_allclose(image[0, :, 0], [255, 0, middle], atol=2)


@pytest.mark.parametrize("profile", [b"no profile", pictures.swapped_profile()[:300], pictures.ink_profile()])
def test_useless_profiles_are_ignored(read, profile):
    image = read(pictures.encoded(pictures.texture(), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(image, pictures.texture())


# Files that are no pictures.

MANGLED = pictures.mangled_files()


def test_there_are_many_mangled_files_and_always_the_same():
    assert len({name for name, _ in MANGLED}) == len(MANGLED) >= 40
    assert pictures.mangled_files() == MANGLED


def picture_or_error(path):
    try:
        return images.read(path)
    except PictureError as error:
        return error


def test_a_mangled_file_is_a_picture_or_a_picture_error(tmp_path, capfd, recwarn):
    refused = 0
    for name, data in MANGLED:
        path = tmp_path / name
        path.write_bytes(data)
        start = time.monotonic()
        result = picture_or_error(path)
        assert time.monotonic() - start < 2, name
        if isinstance(result, PictureError):
            refused += 1
            assert str(result).startswith(f"cannot read {path}: "), name
            assert len(str(result).splitlines()) == 1, name
        else:
            assert result.dtype == np.float32, name
            assert result.ndim == 3, name
            assert result.shape[2] == 3, name
            assert 0 <= result.min() <= result.max() <= 255, name
    assert len(MANGLED) / 2 < refused < len(MANGLED)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


REASONS = {
    "empty.png": "it is empty",
    "text.png": "not a picture in a known format",
    "page.jpg": "not a picture in a known format",
    "postscript.eps": "not a picture in a known format",
    "bomb.png": "more than the limit of 178956970 pixels",
    "not-a-number.tif": "values of nan to nan, where white should be 65535 at most",
    "half.jpg": "truncated JPEG",
    "half.png": "truncated PNG",
    "half.gif": "truncated GIF",
    "half.bmp": "truncated BMP",
    "half.webp": "damaged picture",
}


@pytest.mark.parametrize("name", REASONS)
def test_the_reason_is_said(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    kind = {"jpg": "JPEG"}.get(name.split(".")[1], name.split(".")[1].upper())
    data = dict(MANGLED).get(name)
    if data is None:
        data = pictures.encoded(pictures.texture(100, 100), kind)
        data = data[: len(data) * 3 // 4]
    Path(name).write_bytes(data)
    with pytest.raises(PictureError) as error:
        images.read(name)
    assert str(error.value) == f"cannot read {name}: {REASONS[name]}"


def test_paths_that_are_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    reasons = {
        ".": "it is a directory",
        "pipe": "it is not a regular file",
        "/dev/zero": "it is not a regular file",
        "missing.png": "No such file or directory",
        "loop": "Too many levels of symbolic links",
        "a\0b": "embedded null",
    }
    for path, reason in reasons.items():
        with pytest.raises(PictureError) as error:
            images.read(path)
        assert str(error.value).startswith(f"cannot read {path}: {reason}")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(pictures.encoded(pictures.texture(), "PNG"))
    path.chmod(0)
    with pytest.raises(PictureError, match="Permission denied"):
        images.read(path)


def test_pictures_in_the_region_of_the_bomb_warning_are_read(read, monkeypatch, recwarn):
    picture = pictures.texture()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", picture.shape[0] * picture.shape[1] // 2 + 1)
    np.testing.assert_array_equal(read(pictures.encoded(picture, "PNG")), picture)
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", picture.shape[0] * picture.shape[1] // 2 - 1)
    with pytest.raises(PictureError, match="more than the limit"):
        read(pictures.encoded(picture, "PNG"))


def test_the_limit_lets_twelve_thousand_by_eight_thousand_pass():
    assert images.MAX_PIXELS >= 12_000 * 8_000


def test_reading_starts_no_program(read, monkeypatch):
    def fail(*arguments, **options):
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    with pytest.raises(PictureError, match="not a picture in a known format"):
        read(pictures.POSTSCRIPT)


@pytest.mark.parametrize(("exception", "reason"), [(MemoryError, "not enough memory"), (IndexError, "damaged PNG")])
def test_whatever_a_decoder_raises(read, monkeypatch, exception, reason):
    monkeypatch.setattr(images, "_planes", lambda picture: (_ for _ in ()).throw(exception))
    with pytest.raises(PictureError, match=f"{reason}$"):
        read(pictures.encoded(pictures.texture(), "PNG"))


def test_an_interrupt_is_no_damage(read, monkeypatch):
    monkeypatch.setattr(images, "_planes", lambda picture: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        read(pictures.encoded(pictures.texture(), "PNG"))


def test_standard_error_is_back_after_reading(read, capfd):
    read(pictures.encoded(pictures.texture(), "PNG"))
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_reading_without_standard_error(tmp_path):
    """A file opened then may well be number 2."""
    path = tmp_path / "picture.png"
    path.write_bytes(pictures.encoded(pictures.texture(), "PNG"))
    command = f'"{sys.executable}" -c "import images; print(images.read(\'{path}\').shape)" 2>&-'
    result = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, cwd=Path(images.__file__).parent)
    assert result.stdout == "(24, 32, 3)\n"


def test_import_is_light():
    code = "import sys, images; print('tensorflow' in sys.modules, 'scipy' in sys.modules)"
    folder = Path(images.__file__).parent
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, check=True)
    assert result.stdout == "False False\n"


# Sizes.


def smooth(height, width):
    y, x = np.mgrid[:height, :width]
    return np.stack([128 + 90 * np.sin(x / 9), 128 + 90 * np.cos(y / 7), 128 + 60 * np.sin((x + y) / 11)], 2).astype(
        "f4"
    )


SIZES = [(30, 40), (7, 5), (60, 80), (1, 1), (29, 200)]


@pytest.mark.parametrize("size", SIZES)
def test_resize_gives_the_size_and_keeps_a_constant(size):
    image = images.resize(np.full((30, 40, 3), (10, 99.5, 255), np.float32), *size)
    assert image.dtype == np.float32
    assert image.shape == (*size, 3)
    np.testing.assert_allclose(image, np.full((*size, 3), (10, 99.5, 255)), atol=1e-3)


def test_resize_to_the_same_size_changes_nothing(random):
    image = random.uniform(0, 255, (9, 7, 3)).astype(np.float32)
    same = images.resize(image, 9, 7)
    np.testing.assert_array_equal(same, image)
    assert same is not image
    assert not np.shares_memory(same, image)


@pytest.mark.parametrize("size", [(15, 20), (10, 13), (60, 80), (41, 97)])
def test_resize_keeps_a_gradient_straight_and_every_channel_its_own(size):
    x, y = (np.arange(40) + 0.5) / 40, (np.arange(30) + 0.5) / 30
    image = np.stack(np.broadcast_arrays(200 * x, 200 * y[:, np.newaxis], 77), axis=2).astype(np.float32)
    height, width = size
    x, y = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    expected = np.stack(np.broadcast_arrays(200 * x, 200 * y[:, np.newaxis], 77), axis=2)
    margin = (slice(height // 5, -(height // 5)), slice(width // 5, -(width // 5)))
    np.testing.assert_allclose(images.resize(image, height, width)[margin], expected[margin], atol=0.3)


@pytest.mark.parametrize("size", [(24, 32), (12, 16), (96, 128), (50, 70)])
def test_resize_keeps_the_mean(size):
    image = smooth(48, 64)
    np.testing.assert_allclose(images.resize(image, *size).mean(axis=(0, 1)), image.mean(axis=(0, 1)), atol=1)


def test_resize_is_antialiased():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255.0
    image = images.resize(np.repeat(board[:, :, np.newaxis], 3, axis=2), 20, 20)
    np.testing.assert_allclose(image[2:-2, 2:-2], 127.5, atol=4)


def test_resize_works_in_floats():
    image = images.resize(smooth(30, 40) / 100, 60, 80)
    assert len(np.unique(image)) > 1000


def test_resize_stays_in_the_range():
    edge = np.zeros((16, 16, 3), np.float32)
    edge[:, 8:] = 255
    for size in ((40, 40), (11, 11)):
        image = images.resize(edge, *size)
        assert image.min() == 0
        assert image.max() == 255


@pytest.mark.parametrize(
    ("height", "width", "new_width", "new_height"),
    [(30, 40, 20, 15), (30, 41, 20, 15), (1, 500, 10, 1), (500, 3, 1, 167)],
)
def test_resize_to_width_keeps_the_proportions(height, width, new_width, new_height):
    assert images.resize_to_width(np.zeros((height, width, 3)), new_width).shape == (new_height, new_width, 3)


def test_cover_takes_the_middle():
    image = np.zeros((40, 60, 3), np.float32)
    image[:, 20:40] = 200
    covered = images.cover(image, 20, 10)  # halved, and 10 columns of 30 are left
    assert covered.shape == (20, 10, 3)
    np.testing.assert_allclose(covered[:, 3:-3], 200, atol=10)
    np.testing.assert_array_equal(images.cover(image, 40, 20), image[:, 20:40])


@pytest.mark.parametrize("size", [(1, 1), (3, 100), (100, 3), (33, 47), (120, 50)])
def test_cover_gives_the_size(size):
    assert images.cover(smooth(40, 60), *size).shape == (*size, 3)


# Colours.


def texture(random, size, mean, mixing):
    """A picture with the mean and the covariance mixing' mixing, beyond 0..255 here and there."""
    return (random.normal(0, 1, (*size, 3)) @ np.array(mixing) + mean).astype(np.float32)


def test_match_mean_and_covariance(random):
    style = texture(random, (40, 30), (90, 60, 200), [[30, 5, 1], [0, 20, 9], [0, 0, 12]])
    content = texture(random, (50, 35), (120, 130, 100), [[10, 2, 8], [0, 44, 3], [0, 0, 25]])
    matched = images.match_mean_and_covariance(style, content).astype(np.float64)
    flat, wanted = matched.reshape(-1, 3), content.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(flat.mean(axis=0), wanted.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(np.cov(flat.T), np.cov(wanted.T), rtol=1e-4)
    np.testing.assert_allclose(images.match_mean_and_covariance(style, style), style, atol=1e-3)


def test_match_mean_and_covariance_by_hand():
    # Three uncorrelated channels: each is stretched by the ratio of the deviations about its mean.
    axes = np.concatenate([np.eye(3), -np.eye(3)]).reshape(2, 3, 3)
    style, content = 100 + axes * (1, 2, 4), 50 + axes * (3, 3, 2)
    np.testing.assert_allclose(images.match_mean_and_covariance(style, content), content, atol=1e-3)


def test_matching_a_grey_style_is_finite_and_grey(random):
    grey = np.repeat(random.uniform(0, 255, (20, 20, 1)), 3, axis=2).astype(np.float32)
    colors = texture(random, (20, 20), (120, 130, 100), [[30, 2, 8], [0, 44, 3], [0, 0, 25]])
    assert np.isfinite(images.match_mean_and_covariance(grey, colors)).all()
    matched = images.match_mean_and_covariance(colors, grey)
    assert np.ptp(matched, axis=2).max() < 1


def test_match_histograms(random):
    style = np.rint(texture(random, (40, 30), (90, 60, 200), np.eye(3) * 20))
    content = texture(random, (50, 35), (120, 130, 100), np.eye(3) * (10, 40, 25))
    matched = images.match_histograms(style, content)
    shares = np.linspace(0.02, 0.98, 25)
    for channel in range(3):
        after, wanted = (np.quantile(picture[:, :, channel], shares) for picture in (matched, content))
        np.testing.assert_allclose(after, wanted, atol=3)
        order = np.argsort(style[:, :, channel], axis=None)
        assert (np.diff(matched[:, :, channel].ravel()[order]) >= 0).all()
    np.testing.assert_allclose(images.match_histograms(content, content), content, atol=1e-3)


def test_transfer_luma_by_hand():
    content, styled = np.array([[[10, 20, 30.0]]]), np.array([[[110, 20, 30.0]]])
    np.testing.assert_allclose(images.transfer_luma(content, styled), [[[39.9, 49.9, 59.9]]], rtol=1e-6)


def test_transfer_luma_of_itself_changes_nothing(random):
    image = random.uniform(0, 255, (5, 6, 3)).astype(np.float32)
    result = images.transfer_luma(image, image)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, image)


def test_transfer_luma_is_y_of_one_and_cb_cr_of_the_other(random):
    """By the matrices of JFIF."""
    forward = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    backward = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
    content, styled = random.uniform(0, 255, (2, 20, 20, 3))
    expected = content @ forward.T
    expected[:, :, 0] = (styled @ forward.T)[:, :, 0]
    np.testing.assert_allclose(images.transfer_luma(content, styled), expected @ backward.T, atol=1e-3)


def test_transfer_luma_agrees_with_pillow(random):
    """Pillow cuts Y, Cb and the result to 8 bits: 1 + 1.772 + 1."""
    content, styled = random.integers(90, 166, (2, 20, 20, 3)).astype(np.uint8)
    _, *chroma = Image.fromarray(content).convert("YCbCr").split()
    luma = Image.fromarray(styled).convert("YCbCr").getchannel(0)
    expected = np.asarray(Image.merge("YCbCr", [luma, *chroma]).convert("RGB"), float)
    np.testing.assert_allclose(images.transfer_luma(content, styled), expected, atol=3.8)


# Saving.

LOSSY = {"JPEG": 5, "WEBP": 12, "AVIF": 6, "GIF": 40}


def accepted_extensions():
    for extension, kind in Image.registered_extensions().items():
        with suppress(PictureError):
            images.check_format(f"out{extension}")
            yield extension, kind


def test_save_and_read_back_in_every_format(tmp_path):
    image, kinds = smooth(40, 60), set()
    for extension, kind in [*accepted_extensions(), (".JPG", "JPEG"), (".Tiff", "TIFF")]:
        path = tmp_path / f"out{extension}"
        images.save(path, image)
        np.testing.assert_allclose(images.read(path), np.rint(image), atol=LOSSY.get(kind, 0), err_msg=extension)
        kinds.add(kind)
    assert kinds >= {"BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP"}


def test_save_writes_the_format_that_the_name_says(tmp_path):
    for name, kind in (("a.jpg", "JPEG"), ("a.png", "PNG"), ("a.webp", "WEBP"), ("a.tif", "TIFF"), ("a.gif", "GIF")):
        images.save(tmp_path / name, smooth(8, 8))
        with Image.open(tmp_path / name) as picture:
            assert picture.format == kind


def test_save_rounds_and_clips(tmp_path):
    image = np.array([[[-40, 0.4, 0.6], [99.4, 99.6, 254.4], [254.6, 255.4, 300]]])
    images.save(tmp_path / "out.png", image)
    expected = [[[0, 0, 1], [99, 100, 254], [255, 255, 255]]]
    np.testing.assert_array_equal(images.read(tmp_path / "out.png"), expected)
    assert image.min() == -40  # the argument is not changed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_save_refuses_what_is_not_finite(tmp_path, value):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    image = smooth(4, 4)
    image[2, 3, 1] = value
    with pytest.raises(ValueError, match="not finite"):
        images.save(path, image)
    assert path.read_bytes() == b"old"


def test_jpeg_keeps_the_chroma(tmp_path):
    stripes = np.zeros((32, 32, 3))
    stripes[:, ::2], stripes[:, 1::2] = (200, 60, 60), (60, 60, 200)
    images.save(tmp_path / "out.jpg", stripes)
    assert abs(images.read(tmp_path / "out.jpg") - stripes).mean() < 5
    with Image.open(tmp_path / "out.jpg") as picture:
        assert all(
            sampling == (1, 1) for _, *sampling, _ in map(tuple, picture.layer) for sampling in [tuple(sampling)]
        )
        assert max(picture.quantization[0]) <= 12  # quality 95


@pytest.mark.parametrize("extension", ["jpg", "webp", "png"])
def test_noise_can_be_saved(tmp_path, random, extension, capfd):
    """The picture of all that takes the most bytes."""
    images.save(tmp_path / f"out.{extension}", random.integers(0, 2, (300, 300, 3)) * 255.0)
    assert images.read(tmp_path / f"out.{extension}").shape == (300, 300, 3)
    assert capfd.readouterr() == ("", "")


def test_save_keeps_permissions_and_links(tmp_path):
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    images.save(link, smooth(4, 4))
    assert link.is_symlink()
    assert images.read(real).shape == (4, 4, 3)
    assert real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("exception", [OSError("encoder error"), KeyboardInterrupt(), ValueError()])
def test_an_encoder_that_fails_half_way_changes_nothing(tmp_path, monkeypatch, exception):
    def failing(picture, file, **options):
        file.write(b"half a picture")
        raise exception

    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(Image.Image, "save", failing)
    with pytest.raises(PictureError if isinstance(exception, OSError) else type(exception)):
        images.save(path, smooth(4, 4))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.png"]


def test_a_disk_that_is_full(tmp_path, random):
    """Tried with a limit on the size of files, which fails in the same system call."""
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(PictureError) as error:
            images.save(path, random.uniform(0, 255, (200, 200, 3)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value) == f"cannot write {path}: File too large"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.png"]


def test_save_where_it_cannot(tmp_path):
    with pytest.raises(PictureError, match=r"cannot write .*missing/out.png: No such file or directory"):
        images.save(tmp_path / "missing" / "out.png", smooth(4, 4))
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(PictureError, match=r"cannot write .*dir.png: Is a directory"):
        images.save(tmp_path / "dir.png", smooth(4, 4))


@pytest.mark.parametrize(
    "name", ["out.xyz", "out", "out.txt", ".png", "out.eps", "out.pdf", "out.ico", "out.xbm", "out.jpg "]
)
def test_unknown_formats(tmp_path, name):
    message = f"cannot write {name}: unknown picture format; use .jpg, .png, .webp or .tiff"
    for attempt in (lambda: images.check_format(name), lambda: images.save(name, smooth(4, 4))):
        with pytest.raises(PictureError) as error:
            attempt()
        assert str(error.value) == message


LIMITS = [("jpg", 65500), ("webp", 16383), ("gif", 65535), ("tga", 65535), ("sgi", 65535)]


@pytest.mark.parametrize(("extension", "limit"), LIMITS)
def test_limits_of_the_formats(tmp_path, extension, limit):
    path = tmp_path / f"out.{extension}"
    for size in ((1, limit), (limit, 1)):
        images.check_format(path, *size)
        images.save(path, np.zeros((*size, 3)))
        assert images.read(path).shape == (*size, 3)
    with pytest.raises(PictureError, match=f"a side of {limit + 1} pixels, where .* takes {limit}; use .png"):
        images.check_format(path, limit + 1, 1)
    with pytest.raises(PictureError, match=f"cannot write {path}: a side of"):
        images.save(path, np.zeros((1, limit + 1, 3)))
    images.check_format(path)
    images.check_format(path.with_suffix(".png"), 70_000, 70_000)


# Through the command.


@pytest.fixture
def planned(command, plans):
    """Runs the command with a content picture of these bytes up to the run: (status, messages, the content image)."""

    def run(data, name="picture"):
        plans.clear()
        Path(name).write_bytes(data)
        status, _, err = command("--content", name)
        return status, err.splitlines(), plans[0].content if plans else None

    return run


@pytest.mark.parametrize("name", FILES)
def test_the_command_reads_every_mode(planned, name):
    data, expected = FILES[name]
    status, messages, content = planned(data)
    assert (status, messages) == (0, [])
    expected = np.array(expected, float)
    expected = expected if expected.ndim == 2 else np.repeat(expected[:, np.newaxis], 3, axis=1)
    np.testing.assert_allclose(content, expected[np.newaxis], atol=5 if "lab" in name else 1e-4)


@pytest.mark.parametrize("orientation", range(10))
def test_the_command_turns_pictures_upright(planned, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    status, messages, content = planned(pictures.encoded(squares("ABC DEF"), "PNG", exif=exif))
    assert (status, messages) == (0, [])
    np.testing.assert_array_equal(content, squares(UPRIGHT[orientation]))


def test_the_command_refuses_mangled_files_in_one_sentence(planned):
    refused = 0
    for name, data in MANGLED:
        status, messages, content = planned(data, name)
        if content is None:
            refused += 1
            assert status == 1, name
            assert len(messages) == 1, name
            assert messages[0].startswith(f"neural_style: error: cannot read {name}: "), name
        else:
            assert (status, messages) == (0, []), name
    assert refused > 40
    assert not Path("out.png").exists()
