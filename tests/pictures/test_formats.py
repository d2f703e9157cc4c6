"""The table of formats: each format of the installed Pillow can store what the table says."""

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import formats, metadata, read, write

Image.init()
WRITABLE = [kind for kind in formats.FORMATS.values() if formats.is_writable(kind)]
EXTENSIONS = {
    extension: formats.FORMATS[name] for extension, name in Image.EXTENSION.items() if name in formats.FORMATS
}
LOSSY = ("JPEG", "WEBP", "AVIF")
COLORS = np.array([[(230, 30, 20), (20, 200, 40)], [(10, 30, 240), (240, 240, 10)], [(30, 30, 30), (250, 250, 250)]])


def blocks(side=16):
    """Blocks of six colours: [3 side, 2 side, 3]."""
    return COLORS.repeat(side, axis=0).repeat(side, axis=1).astype(float)


def path_of(kind, folder):
    return folder / f"out{next(extension for extension, each in EXTENSIONS.items() if each is kind)}"


def test_the_table_has_the_common_formats():
    names = [kind.name for kind in WRITABLE]
    assert {"BMP", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP"} <= set(names)
    assert list(formats.FORMATS)[-1] == "TGA"
    assert formats.readable_formats()[-1].name == "TGA"
    kinds = formats.FORMATS.values()
    assert {kind.name for kind in kinds if kind.transparency} == {"PNG", "WEBP", "TIFF", "AVIF", "TGA"}
    assert {kind.name for kind in kinds if kind.depth_16} == {"PNG", "TIFF"}
    assert {kind.name for kind in kinds if kind.metadata} == {"PNG", "JPEG", "WEBP", "TIFF", "AVIF", "GIF"}


@pytest.mark.parametrize("extension", [*EXTENSIONS, ".JPG", ".Tiff"])
def test_each_extension_is_written_in_its_format_and_read_again(tmp_path, extension):
    kind, path = EXTENSIONS[extension.lower()], tmp_path / f"out{extension}"
    assert write.has_format(path)
    if not formats.is_writable(kind):
        with pytest.raises(PictureError, match="unknown picture format"):
            write.check_format(path)
        return
    write.check_format(path)
    write.save(path, blocks())
    with Image.open(path) as picture:
        assert picture.format == kind.name
    image = read.image(path)
    if kind.name in LOSSY:  # in the middle of each block, closest to its own colour
        assert image.shape == blocks().shape
        np.testing.assert_allclose(image[8::16, 8::16], COLORS, atol=20)
    else:
        np.testing.assert_array_equal(image, blocks())


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_transparency(tmp_path, kind):
    path, opacity = path_of(kind, tmp_path), np.linspace(0, 1, 48 * 32).reshape(48, 32)
    if kind.transparency:
        write.check_format(path, transparent=True)
        write.save(path, blocks(), opacity=opacity)
        np.testing.assert_allclose(read.picture(path).opacity, opacity, atol=(20 if kind.name in LOSSY else 0.51) / 255)
    else:
        message = f"cannot write {path}: {kind.name} cannot store transparency; use .png, .webp or .tiff"
        with pytest.raises(PictureError, match=message):
            write.check_format(path, transparent=True)
        with pytest.raises(PictureError, match=message):
            write.save(path, blocks(), opacity=opacity)


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_sixteen_bits(tmp_path, kind):
    path = path_of(kind, tmp_path)
    if kind.depth_16:
        write.check_format(path, depth=16)
        write.save(path, blocks(), depth=16)
        np.testing.assert_array_equal(read.image(path), blocks())
    else:
        message = f"cannot write {path}: {kind.name} cannot store 16 bits a channel; use .png or .tiff"
        with pytest.raises(PictureError, match=message):
            write.check_format(path, depth=16)
        with pytest.raises(PictureError, match=message):
            write.save(path, blocks(), depth=16)


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_metadata(tmp_path, kind):
    path, about = path_of(kind, tmp_path), {"program": metadata.SOFTWARE, "flags": ["--iterations", "3"]}
    write.save(path, blocks(), metadata=about)
    plain = path_of(kind, tmp_path).with_stem("plain")
    write.save(plain, blocks())
    np.testing.assert_array_equal(read.image(path), read.image(plain))
    if kind.metadata:
        assert metadata.read(path) == about
        # EXIF 2.3, 4.6.5: a UserComment begins with the name of its encoding.
        assert kind.metadata != "exif" or b'ASCII\0\0\0{"program"' in path.read_bytes()
    else:
        assert path.read_bytes() == plain.read_bytes()


@pytest.mark.parametrize("kind", WRITABLE, ids=lambda kind: kind.name)
def test_longest_side(tmp_path, kind):
    """A format without a limit allows more than 2^16 px."""
    path, longest = path_of(kind, tmp_path), int(min(kind.longest_side, 70_000))
    for size in ((1, longest), (longest, 1)):
        write.check_format(path, *size)
        write.save(path, np.zeros((*size, 3)))
        assert read.image(path).shape == (*size, 3)
    if longest < 70_000:
        message = f"cannot write {path}: a side has {longest + 1} pixels, {kind.name} allows {longest}; use .png"
        for size in ((longest + 1, 1), (1, longest + 1)):
            for attempt in (write.check_format, lambda path, *size: write.save(path, np.zeros((*size, 3)))):
                with pytest.raises(PictureError) as error:
                    attempt(path, *size)
                assert str(error.value) == message


def test_the_limits_are_those_of_the_libraries():
    sides = {"JPEG": 65500, "WEBP": 16383, "AVIF": 32768, "GIF": 65535, "SGI": 65535, "TGA": 65535}
    assert {
        kind.name: kind.longest_side for kind in formats.FORMATS.values() if np.isfinite(kind.longest_side)
    } == sides


@pytest.mark.parametrize(
    "name", ["out.xyz", "out", "out.txt", ".png", "out.eps", "out.pdf", "out.ico", "out.icns", "out.xbm", "out.jpg "]
)
def test_unknown_formats(tmp_path, name):
    message = f"cannot write {name}: unknown picture format; use .jpg, .png, .webp or .tiff"
    for attempt in (lambda: write.check_format(name), lambda: write.save(name, blocks())):
        with pytest.raises(PictureError) as error:
            attempt()
        assert str(error.value) == message


@pytest.mark.parametrize(
    ("name", "expected"), [("a.jpg", True), ("b/a.PSD", True), ("a.ico", True), ("a.eps", False), ("png", False)]
)
def test_has_format(name, expected):
    assert write.has_format(name) is expected


@pytest.mark.parametrize("is_installed", [True, False])
def test_extensions_of_optional_packages_are_listed_where_these_are_installed(monkeypatch, is_installed):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: is_installed or None)
    found = set(formats.readable_extensions())
    assert found >= {".png", ".jpg", ".jpeg", ".tif", ".hdr", ".pam"}
    assert (".heic" in found, ".jxl" in found) == (is_installed, is_installed)
    assert not {".eps", ".pdf", ".svg"} & found
