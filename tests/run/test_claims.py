"""No file that a command line writes is one that it reads, for any of its pictures, whatever leads to the file."""

import os
import shutil
from pathlib import Path

import pytest

from brushwork.pictures import metadata
from tests.helpers.command import words


@pytest.fixture
def refused(command, plans):
    """Runs the command for content.png and other.png, with --overwrite: (status, what was wrong); no file changes."""

    def run(text, output, contents=("content.png", "other.png")):
        before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
        status, _, err = command("--content", *contents, *words(text), "--overwrite", output=output)
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
        prefix = "neural_style: error: "
        return status, [line.removeprefix(prefix) for line in err.splitlines() if line.startswith(prefix)]

    return run


def is_input(path):
    return (2, [f"{path} is an input of this run; choose another name for the output"])


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_a_picture_of_a_batch_is_no_content_of_another_picture(refused, plans, link):
    if link:
        link("other.png", "content2.png")
    else:
        shutil.copy("other.png", "content2.png")
    contents = ("content.png", "other.png" if link else "content2.png")
    assert refused("", "{content}2.png", contents) == is_input("content2.png")
    Path("here").mkdir()
    assert refused("", "here/../{content}2.png", contents) == is_input("here/../content2.png")
    assert plans == []


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("--styles other-x.png", "other-x.png"),
        ("--initial other-x.png", "other-x.png"),
        ("--content-mask other-x.png", "other-x.png"),
        ("--style-masks other-x.png", "other-x.png"),
        ("--settings-from other-x.png", "other-x.png"),
    ],
)
def test_a_picture_of_a_batch_is_no_other_input(refused, monkeypatch, flags, name):
    shutil.copy("content.png", name)
    monkeypatch.setattr(metadata, "read", lambda path: {"flags": []})
    assert refused(flags, "{content}-x.png") == is_input(name)


def test_the_files_of_a_network_are_inputs(refused, monkeypatch):
    shutil.copy("net.mat", "other.png")
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "other.png")
    assert refused("--network other.png", "other.png", ["content.png"]) == is_input("other.png")
    Path("model/assets").mkdir(parents=True)
    for name in ("model/saved_model.pb", "model/assets/content.png"):
        Path(name).touch()
    assert refused("--instant --instant-network model", "model/assets/{content}.png") == is_input(
        "model/assets/content.png"
    )


@pytest.mark.parametrize("template", ["{content}-{}.png", "{content}-%d.png"])
def test_a_checkpoint_is_no_input_of_a_later_picture(refused, plans, template):
    shutil.copy("other.png", "content-2.png")
    flags = f"--checkpoint-iterations 1 --checkpoint-output {template}"
    status, said = refused(flags, "o/{content}.png", ("content.png", "content-2.png"))
    assert (status, said) == (1, [is_input("content-2.png")[1][0]])
    assert [plan.job.content for plan in plans] == ["content-2.png"]


def test_files_of_two_pictures_differ(refused, plans):
    """A checkpoint of the first picture would be the second picture, or a checkpoint of it."""
    shutil.copy("other.png", "content-2.png")
    flags = "--checkpoint-iterations 1 --checkpoint-output o/{content}-{}.png"
    twice = "o/content-2.png would be written twice; choose different names"
    assert refused(flags, "o/{content}.png", ("content.png", "content-2.png")) == (1, [twice])
    flags = "--iterations 12 --checkpoint-iterations 1 --checkpoint-output o/{content}{}.png"
    shutil.copy("other.png", "content1.png")
    twice = [f"o/content1{number}.png would be written twice; choose different names" for number in (1, 2)]
    assert refused(flags, "{number}.png", ("content.png", "content1.png")) == (1, twice)


def test_two_spellings_are_one_file(refused):
    assert refused("--contact-sheet ./out.png", "out.png", ["content.png"]) == (
        2,
        ["./out.png would be written twice; choose different names"],
    )
