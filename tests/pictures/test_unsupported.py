"""Files that are not pictures: each message names the remedy; skipped files of a directory are listed."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import formats, read, unsupported
from tests.helpers.command import words
from tests.helpers.picture_files import encoded, texture


def media(brand):
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(200)


UNSUPPORTED = {
    "clip.mp4": (
        media(b"isom"),
        "it is a video, which can only be the content of a film, as --output out.mp4 makes it",
    ),
    "clip.mov": (media(b"qt  "), "it is a video, "),
    "clip.avi": (b"RIFF\x24\0\0\0AVI LIST" + bytes(99), "it is a video, "),
    "clip.webm": (b"\x1a\x45\xdf\xa3" + bytes(99), "it is a video, "),
    "my clip.mpg": (b"\0\0\1\xba" + bytes(99), "it is a video, which can only be"),
    "photo.cr3": (media(b"crx "), "it is a camera raw file; export it as TIFF or JPEG"),
    "photo.NEF": (encoded(texture(), "TIFF"), "it is a camera raw file; export it as TIFF or JPEG"),
    "paper.pdf": (b"%PDF-1.7\n" + bytes(99), "it is a PDF document; save its page as PNG or JPEG"),
    "drawing.svg": (b'<?xml version="1.0"?>\n<svg xmlns=""/>', "it is an SVG drawing; save it as PNG"),
    "page.jpg": (b"\n<!DOCTYPE html><html></html>", "it is a web page; save the picture in it"),
    "photos.zip": (b"PK\3\4" + bytes(99), "it is an archive; unpack it and give the picture in it"),
    "net.jpg": (b"MATLAB 5.0 MAT-file" + bytes(200), "a network is given with --network"),
    "late.svg": (b"<?xml version='1.0'?>\n<!--" + b"x" * 3000 + b"--><svg/>", "it is an SVG drawing; save it as PNG"),
    "utf16.svg": ('<?xml version="1.0"?><svg/>'.encode("utf-16"), "it is an SVG drawing; save it as PNG"),
    "photo.exr": (b"\x76\x2f\x31\x01" + bytes(99), "it is an OpenEXR picture; save it as PNG or JPEG"),
    "photo.jxr": (b"II\xbc\x01" + bytes(99), "it is a JPEG XR picture; save it as PNG or JPEG"),
    "photo.svgz": (b"\x1f\x8b\x08" + bytes(99), "it is a compressed file; unpack it and give the picture in it"),
    "deep.psd": (
        b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 1, 1, 16, 3) + bytes(99),
        "it is a Photoshop document in RGB with 16 bits in 3 channels; save it with 8 bits, or as PNG",
    ),
    "deep.jpg": (
        b"\xff\xd8\xff\xc1\0\x0b\x0c\0\1\0\1\1\1\x11\0" + bytes(99),
        "it is a JPEG of a kind that cannot be read (12 bits); save it with 8 bits, or as PNG",
    ),
    "notes.txt": (b"a list of paintings", "not a picture in a known format"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
@pytest.mark.parametrize("flag", ["--content", "--styles", "--initial", "--style-masks"])
def test_a_file_that_is_not_a_picture(command, plans, name, flag):
    data, message = UNSUPPORTED[name]
    Path(name).write_bytes(data)
    status, _, err = command(flag, name)
    assert (status, plans) == (1, [])
    assert f"neural_style: error: cannot read {name}: " in err
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_state_is_not_a_picture(command, plans):
    assert command("--state", "a.state")[0] == 0
    image = np.zeros((30, 40, 3), np.float32)
    from brushwork import state
    from brushwork.run import saving

    state.write("a.state", saving.saved_run(plans[0], state.State(0, 1, image, image, 1.0, {})))
    for flag in ("--content", "--settings-from"):
        assert "it is the state of a run, not a picture; --resume continues the run" in command(flag, "a.state")[2]


@pytest.mark.parametrize("brand", unsupported.HEIF_BRANDS)
def test_heic_without_its_package(command, monkeypatch, brand):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    Path("photo.heic").write_bytes(media(brand))
    status, _, err = command("--content", "photo.heic")
    remedy = "python -m pip install pillow-heif; or save it as JPEG or PNG"
    message = f"cannot read photo.heic: HEIC needs pillow-heif: {remedy}"
    assert (status, err) == (1, f"neural_style: error: {message}\n")


@pytest.mark.parametrize("start", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"])
def test_jpeg_xl_without_its_package(command, monkeypatch, start):
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    monkeypatch.delitem(Image.OPEN, "JXL", raising=False)
    Path("photo.jxl").write_bytes(start + bytes(99))
    remedy = "which needs pillow-jxl-plugin: python -m pip install pillow-jxl-plugin; or save it as PNG or JPEG"
    message = f"cannot read photo.jxl: it is a JPEG XL picture, {remedy}"
    assert command("--content", "photo.jxl")[2] == f"neural_style: error: {message}\n"


def test_jpeg_xl_is_read_if_its_package_is_installed(tmp_path):
    pytest.importorskip("pillow_jxl")
    Image.fromarray(texture()).save(tmp_path / "photo.jxl", lossless=True)
    np.testing.assert_array_equal(read.image(tmp_path / "photo.jxl"), texture())


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_jpeg_2000_of_more_than_8_bits(tmp_path, monkeypatch, bits, channels):
    """Every number of the file is known, as it is compressed without loss; alpha is white everywhere."""
    imagecodecs = pytest.importorskip("imagecodecs")
    white = (1 << bits) - 1
    samples = np.random.default_rng(0).integers(0, white + 1, (20, 30, channels)).astype(np.uint16)
    samples[0, 0], samples[:, :, 3:] = white, white
    samples = samples[:, :, 0] if channels == 1 else samples
    (tmp_path / "a.jp2").write_bytes(imagecodecs.jpeg2k_encode(samples, level=0, reversible=True, bitspersample=bits))
    expected = np.atleast_3d(samples)[:, :, :3] * (255 / white)
    np.testing.assert_allclose(read.image(tmp_path / "a.jp2"), np.broadcast_to(expected, (20, 30, 3)), atol=1e-3)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(PictureError, match=f"JPEG 2000 of {bits} bits needs imagecodecs: python -m pip install"):
        read.image(tmp_path / "a.jp2")


def test_avif_without_its_codec(command, monkeypatch):
    monkeypatch.delitem(Image.OPEN, "AVIF", raising=False)
    Path("photo.avif").write_bytes(media(b"avif"))
    assert (
        "this Pillow cannot read AVIF: python -m pip install -U pillow; or save"
        in command("--content", "photo.avif")[2]
    )


def test_heic_is_read_if_its_package_is_installed(tmp_path):
    pillow_heif = pytest.importorskip("pillow_heif")
    picture = Image.fromarray(np.full((48, 64, 3), (200, 90, 30), np.uint8))
    pillow_heif.from_pillow(picture).save(tmp_path / "photo.heic", quality=95)
    image = read.image(tmp_path / "photo.heic")
    assert image.shape == (48, 64, 3)
    np.testing.assert_allclose(image.mean(axis=(0, 1)), [200, 90, 30], atol=4)
    assert "HEIF" in [kind.name for kind in formats.readable_formats()]


def test_the_package_is_imported_for_heic_only(tmp_path, monkeypatch):
    imported = []
    monkeypatch.setattr(formats, "register_heif", lambda: imported.append(True))
    Image.fromarray(texture()).save(tmp_path / "a.png")
    read.image(tmp_path / "a.png")
    assert imported == []
    (tmp_path / "a.heic").write_bytes(media(b"heic"))
    with pytest.raises(PictureError):
        read.image(tmp_path / "a.heic")
    assert imported == [True]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("flag", ["--content", "--styles", "--initial"])
def test_the_first_frame_of_an_animation_is_used_with_a_message(command, plans, kind, flag):
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue", "green")]
    name = f"moving.{kind.lower()}"
    frames[0].save(name, save_all=True, append_images=frames[1:])
    status, _, err = command(flag, name)
    assert status == 0
    assert err == f"neural_style: warning: {name} holds 3 pictures, as an animation does; the first one is used\n"
    frames[0].save(name)
    assert command(flag, name)[2] == ""


def test_a_transparent_photograph_mentions_keep_alpha(command, plans):
    Image.new("RGBA", (40, 30), (9, 99, 199, 50)).save("content.png")
    said = "content.png is transparent in places; they are painted over white unless --keep-alpha is given"
    assert command()[2] == f"neural_style: warning: {said}\n"
    assert command("--keep-alpha")[2] == ""
    Image.new("RGBA", (40, 30), (9, 99, 199, 255)).save("content.png")
    assert command()[2] == ""


def test_an_enlarged_photograph_gives_a_message(command, plans):
    assert command("--width", 60, "--style-size", "original")[2] == (
        "neural_style: warning: content.png is enlarged from a width of 40 to 60 pixels\n"
    )
    assert command("--height", 60, "--style-size", "original")[2].endswith("from a width of 40 to 80 pixels\n")
    assert command("--width", 40, "--style-size", "original")[2] == ""


def test_skipped_files_of_a_folder_are_listed(command, plans, folder):
    photos = folder / "photos"
    photos.mkdir()
    for name in ("b.png", "a.png"):
        Image.open("content.png").save(photos / name)
    assert "left out" not in command("--content", "photos", "--output", "{content}.jpg")[2]
    for name in words("notes.txt clip.mp4 x.MOV raw.dng .hidden z.html 1.txt 2.txt"):
        (photos / name).write_text("x")
    (photos / "more.png").mkdir()
    status, _, err = command("--content", "photos", "--output", "{content}.jpg")
    assert status == 0
    assert "the contents in photos are a.png, b.png\n" in err
    assert (
        "skipped in photos: 1 camera raw file (raw.dng), 1 directory inside (more.png), "
        "4 files that are not pictures (1.txt, 2.txt, notes.txt, ...), 2 videos (clip.mp4, x.MOV)\n"
    ) in err
    assert [plan.job.content for plan in plans[-2:]] == ["photos/a.png", "photos/b.png"]


def test_the_files_of_a_folder_without_pictures_are_listed(command, folder):
    (folder / "clips").mkdir()
    (folder / "clips" / "a.mp4").write_text("x")
    message = "cannot read clips: there is no picture in this directory; it holds 1 video (a.mp4)"
    assert command("--content", "clips")[2] == f"neural_style: error: {message}\n"


def test_heic_in_a_folder_is_not_skipped(command, monkeypatch, folder):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    (folder / "photos").mkdir()
    (folder / "photos" / "IMG_1.HEIC").write_bytes(media(b"heic"))
    assert "cannot read photos/IMG_1.HEIC: HEIC needs pillow-heif" in command("--content", "photos")[2]
