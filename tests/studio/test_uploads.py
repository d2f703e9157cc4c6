"""The uploads: what is kept, what is refused, and that names never become paths."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.studio import uploads as module
from brushwork.studio.examples import Example, examples
from brushwork.studio.uploads import Uploads
from tests.helpers.command import ROOT


@pytest.fixture
def uploads(tmp_path):
    (tmp_path / "uploads").mkdir()
    return Uploads(tmp_path / "uploads")


def picture(path, size=(40, 30), seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def mask(path, level):
    """A mask of one level."""
    Image.new("L", (40, 30), level).save(path, "PNG")
    return path


def example(path):
    return Example(path, "An example", ("style",), {"title": "An example"}, is_masterpiece=True)


def inside(uploads):
    return {path.name for path in uploads.folder.iterdir()}


def test_an_upload_is_moved_in_with_a_small_view(uploads, tmp_path):
    upload = uploads.add(picture(tmp_path / "x.png", (2048, 512)).rename(tmp_path / "x.part"), "M\u00fcsli (1).JPG")
    assert (upload.name, upload.width, upload.height) == ("M\u00fcsli (1)", 2048, 512)
    assert not (tmp_path / "x.part").exists()
    with Image.open(upload.view) as view:
        assert view.size == (1024, 256)
    assert upload.path.endswith("-M\u00fcsli-1.png")  # by its content
    assert uploads.find(upload.number) == upload


def test_a_picture_that_pillow_does_not_know_is_kept(uploads, tmp_path):
    (tmp_path / "x.part").write_bytes(b"PF\n2 1\n-1.0\n" + np.array([0.5, 0.25, 0, 1, 9, 1], "<f4").tobytes())
    upload = uploads.add(tmp_path / "x.part", "light.pfm", "mask")
    assert (upload.width, upload.height, Path(upload.path).suffix) == (2, 1, ".pfm")
    assert not uploads.is_empty(upload.number)


def test_the_same_picture_is_kept_once_and_found_again(uploads, tmp_path):
    first = uploads.add(picture(tmp_path / "a.png"), "a.png", "content")
    again = uploads.add(picture(tmp_path / "b.png"), "b.png", "style")
    assert again == first._replace(roles=("content", "style"))
    assert not (tmp_path / "b.png").exists()
    kept = uploads.add_example(example(picture(tmp_path / "example.png", seed=1)))
    assert (tmp_path / "example.png").exists()
    assert uploads.all() == [kept, again]  # examples first
    assert Uploads(uploads.folder).all() == [again]  # examples are added by each studio
    assert Uploads(uploads.folder).add_example(kept.example) == kept
    Path(first.path).unlink()
    assert Uploads(uploads.folder).all() == []


def test_a_folder_can_be_moved(uploads, tmp_path):
    uploads.add(picture(tmp_path / "a.png"), "a.png")
    (upload,) = Uploads(uploads.folder.rename(tmp_path / "elsewhere")).all()
    for path in (upload.path, upload.view):
        assert Path(path).is_file()
        assert Path(path).is_relative_to(tmp_path / "elsewhere")


@pytest.mark.parametrize(
    "name",
    [
        *("../../../etc/passwd", "..\\..\\x.png", "/etc/passwd", "a/b/c.png", "\0", "", ".", "..", "~root", "x" * 5000),
        *("\u202eevil.png", "CON", "-rf", "$(id).png", "a\nb.png", "%2e%2e%2f.png", "\ud800.png", "\u4e2d" * 200),
    ],
    ids=ascii,
)
def test_no_name_leaves_the_folder(uploads, tmp_path, name):
    upload = uploads.add(picture(tmp_path / "x.png"), name)
    assert Path(upload.path).parent == uploads.folder
    assert Path(upload.path).is_file()
    file = Path(upload.path).stem.partition("-")[2]
    assert file.replace("-", "").replace("_", "").isalnum()
    assert not any(each in upload.name for each in "\0\n\u202e/")
    assert len(upload.name) <= 80
    assert len(inside(uploads)) == 3


def test_what_is_no_picture_is_refused_under_its_name(uploads, tmp_path):
    (tmp_path / "x.part").write_bytes(b"no picture")
    with pytest.raises(PictureError, match="cannot read Ferien 1: not a picture"):
        uploads.add(tmp_path / "x.part", "Ferien 1.png")
    assert inside(uploads) == set()


def test_there_are_not_too_many(uploads, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_UPLOADS", 1)
    uploads.add_example(example(picture(tmp_path / "example.png", seed=2)))
    uploads.add(picture(tmp_path / "a.png"), "a")
    with pytest.raises(PictureError, match="there are 1 uploads; delete some"):
        uploads.add(picture(tmp_path / "b.png", seed=1), "b")


def test_an_upload_is_removed_with_its_files_and_an_example_is_not(uploads, tmp_path):
    changes = []
    uploads._changed = lambda: changes.append(len(uploads.all()))
    kept = uploads.add_example(example(picture(tmp_path / "example.png", seed=1)))
    number = uploads.add(picture(tmp_path / "a.png"), "a.png").number
    uploads.remove(number)
    assert changes == [2, 1]
    assert inside(uploads) == {f"{kept.number}.view.jpg"}
    with pytest.raises(KeyError):
        uploads.find(number)
    with pytest.raises(ValueError, match="An example is an example, which cannot be deleted"):
        uploads.remove(kept.number)


def test_roles_are_kept_and_masks_are_not_listed(uploads, tmp_path):
    number = uploads.add(picture(tmp_path / "a.png"), "a.png").number
    drawn = uploads.add(mask(tmp_path / "m.part", 255), "mask", "mask").number
    assert uploads.find(number).public()["roles"] == []
    for role in ("style", "style", "mask"):
        uploads.add_role(number, role)
    for each in (uploads, Uploads(uploads.folder)):
        assert [(upload.number, upload.public()["roles"]) for upload in each.all()] == [(number, ["style"])]
        assert each.find(drawn).is_mask


def test_records_of_earlier_versions_are_read(uploads, tmp_path):
    upload = uploads.add(picture(tmp_path / "a.png"), "a.png")
    path = uploads.folder / f"{upload.number}.json"
    record = json.loads(path.read_text())
    for name, is_mask in (("K-ln", False), ("mask-woodcut", True)):
        old = {key: value for key, value in record.items() if key not in ("roles", "time")} | {"name": name}
        path.write_text(json.dumps(old))
        found = Uploads(uploads.folder).find(upload.number)
        assert (found.name, found.is_mask) == (name, is_mask)
        assert found.time == pytest.approx(time.time(), abs=600)
    path.write_text(json.dumps(record | {"is_example": True}))
    assert Uploads(uploads.folder).all() == []


@pytest.mark.parametrize(
    ("levels", "is_empty", "is_full"),
    [([0], True, False), ([1], True, False), ([128], False, False), ([255], False, True), ([0, 255], False, True)],
)
def test_masks_that_have_no_effect(uploads, tmp_path, levels, is_empty, is_full):
    numbers = [uploads.add(mask(tmp_path / "m.part", level), "mask", "mask").number for level in levels]
    assert (uploads.is_empty(*numbers), uploads.is_full(*numbers)) == (is_empty, is_full)


def test_masks_that_no_picture_uses_are_removed_after_some_days(uploads, tmp_path):
    numbers = [uploads.add(mask(tmp_path / "m.part", level), "mask", "mask").number for level in (10, 20, 30)]
    photo = uploads.add(picture(tmp_path / "a.png"), "a.png", "content").number
    rest = Path(uploads.rest_of(numbers[:1], (40, 30)))
    for number in (photo, *numbers[:2]):
        uploads._all[number] = uploads.find(number)._replace(time=1e9)
    os.utime(rest, (1e9, 1e9))
    uploads.remove_unused(f"used: {numbers[0]} {rest.name}")
    assert rest.exists()
    uploads.remove_unused(f"used: {numbers[0]}")
    assert not rest.exists()
    assert set(uploads._all) == {photo, numbers[0], numbers[2]}


def test_the_examples_are_pictures_with_credits():
    found, folder = examples(), ROOT / "examples"
    paths = {example.path.relative_to(folder) for example in found}
    assert paths == {path.relative_to(folder) for path in [*folder.glob("*.jpg"), *folder.glob("masterpieces/*.jpg")]}
    assert all(example.credit["licence"] and set(example.roles) <= {"content", "style"} for example in found)
    paintings = [example for example in found if example.is_masterpiece]
    assert len(paintings) == 12
    assert all(example.credit[name] for example in paintings for name in ("artist", "year", "source"))
    assert sum(example.path.stat().st_size for example in paintings) < 1.2e6
