"""The storage: records and files of pictures."""

from pathlib import Path

import pytest

from brushwork.studio import names
from brushwork.studio.storage import Storage
from brushwork.studio.uploads import Upload


@pytest.fixture
def storage(tmp_path):
    return Storage(tmp_path / "storage")


def inside(storage):
    """The files of a storage, as paths within it."""
    return {str(path.relative_to(storage.folder)) for path in storage.folder.rglob("*") if path.is_file()}


def test_records_and_files_go_together(storage):
    for number in ("0002", "0001"):
        storage.write_record({"number": number, "stem": f"{number}-x"})
    (storage.folder / ".studio/pictures/broken.json").write_text("{")
    assert [record["number"] for record in storage.records()] == ["0001", "0002"]
    (storage.folder / ".studio/pictures/broken.json").unlink()
    for extension in (".png", ".jpg", ".tif", ".state", ".last.jpg"):
        Path(storage.path("0001-x", extension)).write_text("x")
    storage.remove({"number": "0001", "stem": "0001-x"})
    assert inside(storage) == {".studio/pictures/0002.json"}


def test_a_rescued_picture_is_removed_but_no_other_file(storage, tmp_path):
    for name, is_there in (("neural_style-0123abcd.png", False), ("holiday.png", True)):
        (tmp_path / name).write_text("x")
        storage.remove({"number": "0001", "rescued": str(tmp_path / name)})
        assert (tmp_path / name).exists() == is_there


@pytest.mark.parametrize("name", ["x", "\u4e2d", "\U0001f3a8"])
def test_stems_are_short_enough_for_any_file_system(storage, name):
    long = Upload("1", name * 80, "", 1, 1, "")
    stem = storage.stem("0001", [long] * 9)
    assert len(stem) <= 80
    assert len(stem.encode()) <= names.LONGEST_STEM
    assert stem.startswith("0001-")


def test_stems_have_the_letters_of_the_names(storage, monkeypatch):
    uploads = [Upload("1", name, "", 1, 1, "") for name in ("K\u00f6ln am Rhein (1)", "\u4e2d\u6587")]
    assert storage.stem("0001", uploads) == "0001-K\u00f6ln-am-Rhein-1-\u4e2d\u6587"
    monkeypatch.setattr(storage, "_unicode", False)  # a file system without such names
    assert storage.stem("0001", uploads) == "0001-Koln-am-Rhein-1-picture"
