"""The storage: what is kept, what is refused, and that names never become paths."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.studio import storage as storages
from brushwork.studio.storage import Storage, Upload


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "storage")


def picture(path, size=(40, 30), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def inside(storage):
    """The files of an storage, as paths within it."""
    return {str(path.relative_to(storage.folder)) for path in storage.folder.rglob("*") if path.is_file()}


def test_an_upload_is_moved_in_with_a_small_view(storage, tmp_path):
    upload = storage.add(picture(tmp_path / "x.png", (2048, 512)).rename(tmp_path / "x.part"), "My Photo (1).JPG")
    assert (upload.name, upload.width, upload.height) == ("My-Photo-1", 2048, 512)
    assert not (tmp_path / "x.part").exists()
    with Image.open(upload.view) as view:
        assert view.size == (1024, 256)
    assert upload.path.endswith("-My-Photo-1.png")  # by its content
    assert storage.upload(upload.number) == upload


def test_a_picture_that_pillow_does_not_know_is_kept(storage, tmp_path):
    (tmp_path / "x.part").write_bytes(b"PF\n2 1\n-1.0\n" + np.array([0.5, 0.25, 0, 1, 9, 1], "<f4").tobytes())
    upload = storage.add(tmp_path / "x.part", "light.pfm")
    assert (upload.width, upload.height, Path(upload.path).suffix) == (2, 1, ".pfm")


def test_the_same_picture_is_kept_once_and_an_album_is_found_again(storage, tmp_path):
    first = storage.add(picture(tmp_path / "a.png"), "a.png")
    assert storage.add(picture(tmp_path / "b.png"), "b.png") == first
    assert not (tmp_path / "b.png").exists()
    kept = storage.add(picture(tmp_path / "example.png", seed=1), "example", is_example=True, in_place=True)
    assert (tmp_path / "example.png").exists()
    assert Storage(storage.folder).uploads() == [kept, first]  # examples first
    Path(first.path).unlink()
    assert Storage(storage.folder).uploads() == [kept]


def test_a_folder_can_be_moved(storage, tmp_path):
    storage.add(picture(tmp_path / "a.png"), "a.png")
    kept = storage.add(picture(tmp_path / "example.png", seed=1), "example", is_example=True, in_place=True)
    found = Storage(storage.folder.rename(tmp_path / "elsewhere"))
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
def test_no_name_leaves_the_folder(storage, tmp_path, name):
    upload = storage.add(picture(tmp_path / "x.png"), name)
    assert Path(upload.path).parent == storage.folder / ".studio/uploads"
    assert Path(upload.path).is_file()
    assert upload.name.replace("-", "").replace("_", "").isalnum()
    assert len(upload.name) <= 40
    assert len(inside(storage)) == 3


def test_what_is_no_picture_is_refused_under_its_name(storage, tmp_path):
    (tmp_path / "x.part").write_bytes(b"no picture")
    with pytest.raises(PictureError, match="cannot read holiday: not a picture"):
        storage.add(tmp_path / "x.part", "holiday.png")
    assert inside(storage) == set()


def test_there_are_not_too_many(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(storages, "MOST_UPLOADS", 1)
    storage.add(picture(tmp_path / "a.png"), "a")
    with pytest.raises(PictureError, match="there are 1 pictures in"):
        storage.add(picture(tmp_path / "b.png", seed=1), "b")


def test_records_and_files_go_together(storage):
    for number in ("0002", "0001"):
        storage.write_record({"number": number, "stem": f"{number}-x"})
    (storage.folder / ".studio/pictures/broken.json").write_text("{")
    assert [record["number"] for record in storage.records()] == ["0001", "0002"]
    (storage.folder / ".studio/pictures/broken.json").unlink()
    for extension in (".png", ".jpg", ".tif", ".state"):
        Path(storage.path("0001-x", extension)).write_text("x")
    storage.remove({"number": "0001", "stem": "0001-x"})
    assert inside(storage) == {".studio/pictures/0002.json"}


def test_stems_are_short_enough_for_any_file_system():
    long = Upload("1", "x" * 40, "", 1, 1, "")
    assert len(storages.stem("0001", long, [long] * 8)) == 80


def test_the_examples_are_pictures():
    assert {path.stem for path in storages.examples()} >= {"chelsea", "woodcut", "brush-strokes"}
