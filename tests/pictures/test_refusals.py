"""Damaged pictures, files that are not pictures, and paths that are not files: a PictureError and nothing else."""

import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from brushwork.errors import PictureError
from brushwork.pictures import read, sizes
from tests.helpers import picture_files

MANGLED = picture_files.mangled_files()


def test_there_are_many_mangled_files_and_they_are_always_the_same():
    assert len({name for name, _ in MANGLED}) == len(MANGLED) >= 40
    assert picture_files.mangled_files() == MANGLED


def test_a_mangled_file_is_a_picture_or_a_picture_error(from_bytes, tmp_path, capfd, recwarn):
    refused = 0
    for name, data in MANGLED:
        start = time.monotonic()
        try:
            with read.quiet():
                image = from_bytes(data, name)
        except PictureError as error:
            refused += 1
            assert str(error).startswith(f"cannot read {tmp_path / name}: "), name
            assert len(str(error).splitlines()) == 1, name
        else:
            assert image.dtype == np.float32, name
            assert image.shape[2:] == (3,), name
            assert 0 <= image.min() <= image.max() <= 255, name
        assert time.monotonic() - start < 10, name  # usually milliseconds
    assert len(MANGLED) / 2 < refused < len(MANGLED)
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list


REASONS = {
    "empty.png": "it is empty",
    "text.png": "not a picture in a known format",
    "page.jpg": "not a picture in a known format: it is a web page; save the picture in it",
    "postscript.eps": "not a picture in a known format: it is PostScript; save it as PNG or JPEG",
    "bomb.png": "more than the limit of 178956970 pixels",
    "not-a-number.tif": "its values range from nan to nan; white must be at most 65535",
    "uncovered.tif": "truncated TIFF",
    "half.jpg": "truncated JPEG",
    "half.png": "truncated PNG",
    "half.gif": "truncated GIF",
    "half.bmp": "truncated BMP",
    "half.webp": "damaged picture",
}


@pytest.mark.parametrize("name", REASONS)
def test_the_message_gives_the_reason(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    kind = {"jpg": "JPEG"}.get(name.split(".")[1], name.split(".")[1].upper())
    data = dict(MANGLED).get(name)
    if data is None:
        data = picture_files.encoded(picture_files.texture(100, 100), kind)
        data = data[: len(data) * 3 // 4]
    Path(name).write_bytes(data)
    with pytest.raises(PictureError) as error:
        read.image(name)
    assert str(error.value) == f"cannot read {name}: {REASONS[name]}"


def test_paths_that_are_not_files(tmp_path, monkeypatch):
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
            read.image(path)
        assert str(error.value).startswith(f"cannot read {path}: {reason}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(picture_files.encoded(picture_files.texture(), "PNG"))
    path.chmod(0)
    with pytest.raises(PictureError, match="Permission denied"):
        read.image(path)


def test_the_number_of_pixels_is_limited_without_a_warning(from_bytes, monkeypatch, recwarn):
    picture = picture_files.texture()
    monkeypatch.setattr(read, "MAX_PIXELS", picture.shape[0] * picture.shape[1])
    np.testing.assert_array_equal(from_bytes(picture_files.encoded(picture, "PNG")), picture)
    assert not recwarn.list
    monkeypatch.setattr(read, "MAX_PIXELS", picture.shape[0] * picture.shape[1] - 1)
    with pytest.raises(PictureError, match="more than the limit"):
        from_bytes(picture_files.encoded(picture, "PNG"))


def test_twelve_thousand_by_eight_thousand_pixels_are_allowed():
    assert read.MAX_PIXELS >= 12_000 * 8_000


def test_reading_starts_no_program(from_bytes, monkeypatch):
    def fail(*arguments, **options):
        pytest.fail("a program was started")

    monkeypatch.setattr(subprocess, "Popen", fail)
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", "gs")
    with pytest.raises(PictureError, match="not a picture in a known format"):
        from_bytes(picture_files.POSTSCRIPT)


@pytest.mark.parametrize(("exception", "reason"), [(MemoryError, "not enough memory"), (IndexError, "damaged PNG")])
def test_any_exception_of_a_decoder_is_a_picture_error(from_bytes, monkeypatch, exception, reason):
    monkeypatch.setattr(sizes, "resample_strips", lambda *arguments: (_ for _ in ()).throw(exception))
    with pytest.raises(PictureError, match=f"{reason}$"):
        from_bytes(picture_files.encoded(picture_files.texture(), "PNG"))


def test_an_interrupt_is_not_a_damaged_picture(from_bytes, monkeypatch):
    monkeypatch.setattr(sizes, "resample_strips", lambda *arguments: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        from_bytes(picture_files.encoded(picture_files.texture(), "PNG"))


def test_the_command_refuses_mangled_files_in_one_sentence(command, plans):
    for name, data in dict(MANGLED).items():
        plans.clear()
        Path(name).write_bytes(data)
        status, _, err = command("--content", name)
        if plans:
            assert (status, "error" in err) == (0, False), name
        else:
            assert status == 1, name
            assert err.startswith(f"neural_style: error: cannot read {name}: "), name
            assert len(err.splitlines()) == 1, name
