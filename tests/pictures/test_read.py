"""Reading pictures: orientation, profiles, opacity, and side effects on the process."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageCms

from brushwork.pictures import read
from tests.helpers import picture_files


def test_cmyk_jpeg(from_bytes):
    """Pillow writes inverted CMYK, as Adobe does."""
    data = picture_files.encoded(Image.new("CMYK", (16, 16), (51, 102, 0, 51)), "JPEG", quality=100)
    np.testing.assert_allclose(from_bytes(data), np.full((16, 16, 3), (163.2, 122.4, 204)), atol=3)


def test_the_result_is_a_writable_array(from_bytes):
    image = from_bytes(picture_files.encoded(picture_files.texture(), "PNG"))
    assert image.dtype == np.float32
    assert image.flags.c_contiguous
    assert image.flags.writeable
    np.testing.assert_array_equal(image, picture_files.texture())


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_gives_its_first_frame(from_bytes, kind):
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    data = picture_files.encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.n_frames == 3
    np.testing.assert_allclose(from_bytes(data), np.full((8, 8, 3), (255, 0, 0)), atol=1)


def test_the_name_does_not_matter(from_bytes):
    expected = from_bytes(picture_files.encoded(picture_files.texture(), "PNG"), "right.png")
    np.testing.assert_array_equal(
        from_bytes(picture_files.encoded(picture_files.texture(), "PNG"), "wrong.jpg"), expected
    )


# Orientation. The file holds squares of six colours, ABC above DEF.

COLORS = dict(
    zip("ABCDEF", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (0, 0, 0)], strict=True)
)
UPRIGHT = "ABC DEF|ABC DEF|CBA FED|FED CBA|DEF ABC|AD BE CF|DA EB FC|FC EB DA|CF BE AD|ABC DEF".split("|")  # by number


def squares(rows):
    array = np.array([[COLORS[letter] for letter in row] for row in rows.split()], np.uint8)
    return array.repeat(16, axis=0).repeat(16, axis=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(10))
def test_orientation(from_bytes, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    image = from_bytes(picture_files.encoded(squares("ABC DEF"), kind, exif=exif, **options))
    expected = squares(UPRIGHT[orientation])
    assert image.shape == expected.shape
    assert image.flags.c_contiguous
    np.testing.assert_allclose(image, expected, atol=2)


@pytest.mark.parametrize(
    "exif", [b"garbage", b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01"]
)
def test_a_picture_with_damaged_exif_is_read(from_bytes, exif):
    with read.quiet():
        image = from_bytes(picture_files.encoded(squares("ABC DEF"), "JPEG", exif=exif, quality=100, subsampling=0))
    np.testing.assert_allclose(image, squares("ABC DEF"), atol=2)


# Profiles.


def test_profile_of_a_colour_picture(from_bytes):
    picture = picture_files.texture()
    image = from_bytes(picture_files.encoded(picture, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(image, picture[:, :, ::-1], atol=2)


def test_profile_of_srgb_changes_nothing(from_bytes):
    image = from_bytes(picture_files.encoded(picture_files.texture(), "PNG", icc_profile=picture_files.srgb_profile()))
    np.testing.assert_allclose(image, picture_files.texture(), atol=1)


def test_profile_comes_before_transparency(from_bytes):
    """(200, 100, 0) over white, with an opacity of 1/5. LittleCMS is accurate to 2 levels, of which 1/5 remains."""
    picture = Image.new("RGBA", (4, 4), (0, 100, 200, 51))
    image = from_bytes(picture_files.encoded(picture, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(image, np.full((4, 4, 3), (244, 224, 204)), atol=0.5)


def test_profile_of_a_palette(from_bytes):
    picture = Image.fromarray(picture_files.texture()).quantize(8)
    plain = from_bytes(picture_files.encoded(picture, "PNG"))
    image = from_bytes(picture_files.encoded(picture, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(image, plain[:, :, ::-1], atol=2)
    assert abs(image - plain).max() > 50


def srgb_of_linear(linear):
    """IEC 61966-2-1; linear 0..1."""
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_profile_of_a_grey_picture(from_bytes):
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = from_bytes(picture_files.encoded(grey, "PNG", icc_profile=picture_files.grey_profile()))
    expected = srgb_of_linear(grey / 255)
    np.testing.assert_allclose(image, np.repeat(expected[:, :, np.newaxis], 3, axis=2), atol=1.5)


def test_profile_of_a_grey_picture_of_16_bits(from_bytes):
    values = np.linspace(20_000, 21_000, 64).astype(np.uint16)
    data = picture_files.encoded(Image.fromarray(values[np.newaxis]), "PNG", icc_profile=picture_files.grey_profile())
    image = from_bytes(data)[0, :, 0]
    np.testing.assert_allclose(image, srgb_of_linear(values / 65535), atol=1.5)
    assert len(np.unique(image)) == 64


def test_white_is_white_in_a_profile_of_darker_paper(from_bytes):
    profile = picture_files.grey_profile(white=0.6)
    image = from_bytes(picture_files.encoded(np.full((4, 4), 255, np.uint8), "PNG", icc_profile=profile))
    np.testing.assert_allclose(image, np.full((4, 4, 3), 255), atol=1)


def test_colour_profile_of_a_grey_picture(from_bytes):
    """Such as a photograph that was converted to grey after its profile was set."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = from_bytes(picture_files.encoded(grey, "PNG", icc_profile=picture_files.swapped_profile()))
    np.testing.assert_allclose(image, np.repeat(grey[:, :, np.newaxis], 3, axis=2), atol=1.5)


def test_profile_of_inks(from_bytes):
    """In this profile only black ink is visible, and the lightness is linear in black."""
    picture = Image.frombytes("CMYK", (3, 1), bytes([255, 255, 255, 0, 0, 0, 0, 255, 0, 0, 0, 119]))
    image = from_bytes(picture_files.encoded(picture, "TIFF", icc_profile=picture_files.ink_profile()))
    middle = srgb_of_linear(((53.33 + 16) / 116) ** 3)  # L* is 53.33 for 119 of 255 of black
    np.testing.assert_allclose(image[0, :, 0], [255, 0, middle], atol=2)


@pytest.mark.parametrize("profile", [b"no profile", picture_files.swapped_profile()[:300], picture_files.ink_profile()])
def test_profiles_that_do_not_fit_are_ignored(from_bytes, profile):
    image = from_bytes(picture_files.encoded(picture_files.texture(), "PNG", icc_profile=profile))
    np.testing.assert_array_equal(image, picture_files.texture())


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (picture_files.grey_profile(b"Grey of a\n scanner\x07"), "Grey of a scanner"),
        (picture_files.grey_profile(b"long" * 40), "long" * 15),
        (picture_files.srgb_profile(), None),
        (picture_files.grey_profile(), None),
        (b"no profile", None),
        (None, None),
    ],
    ids=range(6),
)
def test_the_name_of_the_profile(tmp_path, profile, name):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4)).save(path, icc_profile=profile)
    assert read.picture(path).profile == name


# Opacity.


@pytest.mark.parametrize("orientation", range(1, 9))
def test_opacity_is_turned_with_the_picture(tmp_path, orientation):
    rgba = np.dstack([squares("ABC DEF"), 255 - squares("ABC DEF")[:, :, 0] // 5 * 2])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(rgba).save(tmp_path / "a.png", exif=exif)
    opacity = 1 - squares(UPRIGHT[orientation])[:, :, :1] / 255 * 0.4
    picture = read.picture(tmp_path / "a.png")
    assert picture.opacity.dtype == np.float32
    np.testing.assert_allclose(picture.opacity, opacity[:, :, 0], rtol=1e-6)
    np.testing.assert_allclose(picture.image, 255 - (255 - squares(UPRIGHT[orientation])) * opacity, atol=1e-3)


@pytest.mark.parametrize(("alpha", "opacity"), [(255, None), (51, 0.2), (0, 0)])
def test_the_opacity_of_an_opaque_picture_is_none(tmp_path, alpha, opacity):
    Image.new("RGBA", (3, 2), (1, 2, 3, alpha)).save(tmp_path / "a.png")
    found = read.picture(tmp_path / "a.png").opacity
    assert (found is None) == (opacity is None)
    if opacity is not None:
        np.testing.assert_array_equal(found, np.full((2, 3), opacity, np.float32))


# Side effects.


def test_standard_error_works_after_reading(from_bytes, capfd):
    from_bytes(picture_files.encoded(picture_files.texture(), "PNG"))
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_reading_without_standard_error(tmp_path):
    """A file that is opened in such a process may get descriptor 2."""
    path = tmp_path / "picture.png"
    path.write_bytes(picture_files.encoded(picture_files.texture(), "PNG"))
    code = f"from brushwork.pictures import read; print(read.image('{path}').shape)"
    result = subprocess.run(f'"{sys.executable}" -c "{code}" 2>&-', shell=True, stdout=subprocess.PIPE, text=True)
    assert result.stdout == "(24, 32, 3)\n"


def test_import_is_light():
    modules = "colors, formats, masks, metadata, read, sizes, write"
    code = f"import sys; from brushwork.pictures import {modules}; print({{'tensorflow', 'scipy'}} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_the_command_reads_pictures_like_this(command, plans):
    exif = Image.Exif()
    exif[0x0112] = 6
    rgba = np.dstack([squares("ABC DEF"), squares("FED CBA")[:, :, 0]])
    Image.fromarray(rgba).save("photo.png", exif=exif, icc_profile=picture_files.swapped_profile())
    assert command("--content", "photo.png")[0] == 0
    np.testing.assert_array_equal(plans[0].content, read.image("photo.png"))


def test_the_command_names_another_colour_space(command, plans):
    with Image.open("content.png") as file:
        picture = file.convert("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    picture.save("content.png", icc_profile=profile.tobytes())
    _, _, err = command()
    assert "content.png is in " in err
    assert "; it is converted to sRGB, as the output is" in err
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save("content.png", icc_profile=srgb)
    assert "is converted" not in command()[2]
