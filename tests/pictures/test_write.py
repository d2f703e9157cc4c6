"""Writing pictures: exact values, failures that leave no damage, 16 bits, transparency."""

import os
import resource
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import metadata, read, write


def flat(height=4, width=4):
    return np.full((height, width, 3), (10, 20, 30.0))


@pytest.mark.parametrize("extension", ["png", "tiff", "bmp", "ppm"])
def test_save_rounds_and_clips(tmp_path, extension):
    image = np.array([[[-40, 0.4, 0.6], [99.4, 99.6, 254.4]], [[254.6, 255.4, 300], [1, 2, 3.49]]])
    path = tmp_path / f"out.{extension}"
    write.save(path, image)
    np.testing.assert_array_equal(read.image(path), [[[0, 0, 1], [99, 100, 254]], [[255, 255, 255], [1, 2, 3]]])
    assert image.min() == -40  # the argument is not changed


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_save_refuses_non_finite_values(tmp_path, value, depth):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    image = flat()
    image[2, 3, 1] = value
    with pytest.raises(ValueError, match="not finite"):
        write.save(path, image, depth=depth)
    assert path.read_bytes() == b"old"


def test_jpeg_is_written_with_full_chroma_and_in_high_quality(tmp_path):
    stripes = np.zeros((32, 32, 3))
    stripes[:, ::2], stripes[:, 1::2] = (200, 60, 60), (60, 60, 200)
    write.save(tmp_path / "out.jpg", stripes)
    with Image.open(tmp_path / "out.jpg") as picture:
        tables = [np.array(picture.quantization[index]) for index in (0, 1, 1)]
        # libjpeg scales table K.1 of the standard, whose greatest entry is 121, by 200 - 2 * 95 percent.
        assert tables[0].max() == 12
    # The transform is orthonormal: the error of each coefficient is at most half a step. R, G and B are Y plus at most
    # 1.772 times a chroma channel; four roundings to 8 bits (Y, Cb, Cr, the result) add 0.5 * (1 + 1.772 + 1 + 1).
    y, cb, cr = (np.sqrt(np.mean((table / 2.0) ** 2)) for table in tables)
    error = np.sqrt(np.mean((read.image(tmp_path / "out.jpg") - stripes) ** 2))
    assert error <= y + 1.772 * max(cb, cr) + 2.4


@pytest.mark.parametrize("extension", ["jpg", "webp", "png"])
def test_noise_is_written(tmp_path, random, extension, capfd):
    """Noise takes the most bytes."""
    write.save(tmp_path / f"out.{extension}", random.integers(0, 2, (300, 300, 3)) * 255.0)
    assert read.image(tmp_path / f"out.{extension}").shape == (300, 300, 3)
    assert capfd.readouterr() == ("", "")


# Files.


def test_save_keeps_permissions_and_links(tmp_path):
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to(real)
    write.save(link, flat())
    assert link.is_symlink()
    assert read.image(real).shape == (4, 4, 3)
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
        write.save(path, flat())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.png"]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_full_disk(tmp_path, random, depth):
    """A limit on the size of files makes the same system call fail."""
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(PictureError) as error:
            write.save(path, random.uniform(0, 255, (200, 200, 3)), depth=depth)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(error.value) == f"cannot write {path}: File too large"
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["out.png"]


def test_paths_that_cannot_be_written(tmp_path):
    with pytest.raises(PictureError, match=r"cannot write .*missing/out.png: No such file or directory"):
        write.save(tmp_path / "missing" / "out.png", flat())
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(PictureError, match=r"cannot write .*dir.png: Is a directory"):
        write.save(tmp_path / "dir.png", flat())


def test_quantize():
    image = np.array([[-40, 0, 0.5, 0.51, 1.5], [99.4, 99.6, 254.4, 255, 300]])
    levels = write.quantize(image)
    assert (levels.dtype, levels.tolist()) == (np.uint8, [[0, 0, 0, 1, 2], [99, 100, 254, 255, 255]])
    fine = write.quantize(np.float32([-1, 0, 1, 0.499 / 257, 0.501 / 257, 100.5, 255, 256]), depth=16)
    assert (fine.dtype, fine.tolist()) == (np.uint16, [0, 0, 257, 0, 1, 25828, 65535, 65535])  # 100.5 * 257 = 25828.5
    assert image.min() == -40  # the argument is not changed


# 16 bits a channel, and transparency.

OPACITY = np.linspace(0, 1, 63).reshape(7, 9)


def levels_16(image, opacity):
    """The expected levels of 16 bits: uint16 [H, W, 3 or 4]."""
    channels = image if opacity is None else np.dstack([image, 255 * opacity])
    return np.rint(np.clip(channels, 0, 255) * 257).astype(np.uint16)


def levels_of_png(data):
    """(IHDR, levels [H, W, C]) of a 16-bit PNG whose rows are all differences from the rows above."""
    place, packed, header = 8, b"", None
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0]
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        place += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(header[1], -1)
    assert (rows[:, 0] == 2).all()
    return header, np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).view(">u2").reshape(header[1], header[0], -1)


@pytest.mark.parametrize("opacity", [None, OPACITY])
def test_sixteen_bits_in_png(tmp_path, random, opacity):
    image, path = random.uniform(-5, 260, (7, 9, 3)), tmp_path / "a.png"
    write.save(path, image, depth=16, opacity=opacity, metadata={"flags": []})
    header, levels = levels_of_png(path.read_bytes())
    assert header[:4] == (9, 7, 16, 2 if opacity is None else 6)
    np.testing.assert_array_equal(levels, levels_16(image, opacity))
    assert metadata.read(path) == {"flags": []}
    with Image.open(path) as picture:  # the upper 8 bits
        np.testing.assert_array_equal(np.asarray(picture), levels >> 8)


@pytest.mark.parametrize("opacity", [None, OPACITY])
def test_sixteen_bits_in_tiff(tmp_path, random, opacity):
    image, path = random.uniform(-5, 260, (7, 9, 3)), tmp_path / "a.tiff"
    write.save(path, image, depth=16, opacity=opacity, metadata={"flags": []})
    levels = tifffile.imread(path)
    assert levels.dtype == np.uint16
    np.testing.assert_array_equal(levels, levels_16(image, opacity))
    assert metadata.read(path) == {"flags": []}
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        assert tags["Software"].value == metadata.SOFTWARE
        assert ("ExtraSamples" in tags) == (opacity is not None)
        assert opacity is None or tags["ExtraSamples"].value == (2,)  # unassociated alpha


@pytest.mark.parametrize("extension", ["png", "tiff", "tga"])
def test_opacity_is_written_unassociated(tmp_path, random, extension):
    """The colours are not multiplied by the opacity."""
    image, path = random.uniform(0, 255, (7, 9, 3)), tmp_path / f"a.{extension}"
    write.save(path, image, opacity=OPACITY)
    with Image.open(path) as written:
        assert written.mode == "RGBA"
        np.testing.assert_array_equal(np.asarray(written), np.rint(np.dstack([image, 255 * OPACITY])))
    picture = read.picture(path)
    np.testing.assert_allclose(picture.opacity, OPACITY, atol=0.5 / 255 + 1e-6)
    over_white = 255 - (255 - np.rint(image)) * np.rint(255 * OPACITY)[:, :, np.newaxis] / 255
    np.testing.assert_allclose(picture.image, over_white, atol=1e-3)


# Through the command.


def test_the_command_in_sixteen_bits(command):
    assert command("--depth", 16, iterations=1)[0] == 0
    with open("out.png", "rb") as file:
        assert levels_of_png(file.read())[0][:4] == (40, 30, 16, 2)
    status, _, err = command("--depth", 16, output="a.jpg")
    assert (status, "cannot write a.jpg: JPEG cannot store 16 bits a channel; use .png or .tiff" in err) == (1, True)
    status, _, err = command("--depth", 12)
    assert (status, "--depth must be one of 8, 16, not 12" in err) == (2, True)


def test_the_command_writes_the_opacity_of_the_content(command):
    rgba = np.random.default_rng(1).integers(0, 256, (30, 40, 4)).astype(np.uint8)
    rgba[:, :, 3] = np.linspace(0, 255, 40)
    Image.fromarray(rgba).save("content.png")
    assert command("--keep-alpha", output="a.png", iterations=0)[0] == 0
    with Image.open("a.png") as written:
        np.testing.assert_array_equal(np.asarray(written)[:, :, 3], rgba[:, :, 3])
    assert command(output="b.png", iterations=0)[0] == 0
    with Image.open("b.png") as written:
        assert written.mode == "RGB"


def test_a_format_without_transparency_is_for_opaque_contents(command, plans):
    assert command("--keep-alpha", output="a.jpg")[0] == 0
    Image.new("RGBA", (40, 30), (1, 2, 3, 200)).save("content.png")
    status, _, err = command("--keep-alpha", output="a.jpg")
    assert (status, "cannot write a.jpg: JPEG cannot store transparency" in err) == (1, True)
    assert command(output="a.jpg")[0] == 0
    assert [plan.opacity is None for plan in plans] == [True, True]
