"""The album: what is kept, what is refused, and that names never become paths."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.studio import album as albums
from brushwork.studio.album import Album, Upload


@pytest.fixture
def album(tmp_path):
    return Album(tmp_path / "album")


def picture(path, size=(40, 30), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def inside(album):
    """The files of an album, as paths within it."""
    return {str(path.relative_to(album.folder)) for path in album.folder.rglob("*") if path.is_file()}


def test_an_upload_is_moved_in_with_a_small_view(album, tmp_path):
    upload = album.add(picture(tmp_path / "x.png", (2048, 512)).rename(tmp_path / "x.part"), "My Photo (1).JPG")
    assert (upload.name, upload.width, upload.height) == ("My-Photo-1", 2048, 512)
    assert not (tmp_path / "x.part").exists()
    with Image.open(upload.view) as view:
        assert view.size == (1024, 256)
    assert upload.path.endswith("-My-Photo-1.png")  # by its content
    assert album.upload(upload.number) == upload


def test_the_same_picture_is_kept_once_and_an_album_is_found_again(album, tmp_path):
    first = album.add(picture(tmp_path / "a.png"), "a.png")
    assert album.add(picture(tmp_path / "b.png"), "b.png") == first
    assert not (tmp_path / "b.png").exists()
    kept = album.add(picture(tmp_path / "example.png", seed=1), "example", is_example=True, keep=True)
    assert (tmp_path / "example.png").exists()
    assert Album(album.folder).uploads() == [kept, first]  # examples first
    Path(first.path).unlink()
    assert Album(album.folder).uploads() == [kept]


def test_a_folder_can_be_moved(album, tmp_path):
    album.add(picture(tmp_path / "a.png"), "a.png")
    kept = album.add(picture(tmp_path / "example.png", seed=1), "example", is_example=True, keep=True)
    found = Album(album.folder.rename(tmp_path / "elsewhere"))
    example, upload = found.uploads()
    assert example.path == kept.path
    for path in (upload.path, upload.view, example.view):
        assert Path(path).is_file()
        assert Path(path).is_relative_to(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "name",
    [
        *("../../../etc/passwd", "..\\..\\x.png", "/etc/passwd", "a/b/c.png", "\0", "", ".", "..", "~root", "x" * 5000),
        *("\u202eevil.png", "CON", "-rf", "$(id).png", "a\nb.png", "%2e%2e%2f.png", "\ud800.png"),
    ],
    ids=ascii,
)
def test_no_name_leaves_the_folder(album, tmp_path, name):
    upload = album.add(picture(tmp_path / "x.png"), name)
    assert Path(upload.path).parent == album.folder / ".studio/uploads"
    assert Path(upload.path).is_file()
    assert upload.name.replace("-", "").replace("_", "").isalnum()
    assert len(upload.name) <= 40
    assert len(inside(album)) == 3


def test_what_is_no_picture_is_refused_under_its_name(album, tmp_path):
    (tmp_path / "x.part").write_bytes(b"no picture")
    with pytest.raises(PictureError, match="cannot read holiday: not a picture"):
        album.add(tmp_path / "x.part", "holiday.png")
    assert inside(album) == set()


def test_there_are_not_too_many(album, tmp_path, monkeypatch):
    monkeypatch.setattr(albums, "MOST_UPLOADS", 1)
    album.add(picture(tmp_path / "a.png"), "a")
    with pytest.raises(PictureError, match="there are 1 pictures in"):
        album.add(picture(tmp_path / "b.png", seed=1), "b")


def test_records_and_files_go_together(album):
    for number in ("0002", "0001"):
        album.write_record({"number": number, "stem": f"{number}-x"})
    (album.folder / ".studio/pictures/broken.json").write_text("{")
    assert [record["number"] for record in album.records()] == ["0001", "0002"]
    (album.folder / ".studio/pictures/broken.json").unlink()
    for extension in (".png", ".jpg", ".tif", ".state"):
        Path(album.path("0001-x", extension)).write_text("x")
    album.remove({"number": "0001", "stem": "0001-x"})
    assert inside(album) == {".studio/pictures/0002.json"}


def test_stems_are_short_enough_for_any_file_system():
    long = Upload("1", "x" * 40, "", 1, 1, "")
    assert len(albums.stem("0001", long, [long] * 8)) == 80


def test_the_examples_are_pictures():
    assert {path.stem for path in albums.examples()} >= {"chelsea", "woodcut", "brush-strokes"}
