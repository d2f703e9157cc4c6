"""What could keep a run from writing its files: every path, every flag, every message."""

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from PIL import Image

from brushwork.run import outputs
from tests.helpers.command import words

CHECKPOINTS = "--checkpoint-iterations 2 --checkpoint-output"


@pytest.fixture
def refused(command, plans):
    """Runs the command: (status, what was wrong)."""

    def run(text, output="out.png", iterations=5):
        status, _, err = command(*words(text), output=output, iterations=iterations)
        assert bool(plans) == (status == 0)
        plans.clear()
        prefix = "neural_style: error: "
        return status, [line.removeprefix(prefix) for line in err.splitlines() if line.startswith(prefix)]

    return run


@pytest.fixture
def masks(folder):
    for name in ("mask.png", "source.png", "matter.png", "start.png"):
        shutil.copy("content.png", name)
    shutil.copy("style.png", "source.png")


def test_no_output_may_be_an_input(refused, masks):
    inputs = "content.png style.png start.png mask.png source.png matter.png net.mat"
    flags = "--initial start.png --style-masks mask.png --style-source-masks source.png --content-mask matter.png"
    os.symlink("start.png", "link.png")
    for name in (*words(inputs), "link.png", "./content.png"):
        status, said = refused(f"{flags} --overwrite", output=name)
        assert status == 2
        assert said[-1] == f"{name} is an input of this run; choose another name for the output"
    for flag in (
        f"{CHECKPOINTS} style.{{}}.png",
        "--contact-sheet style.4.png",
        "--state style.4.png",
    ):
        shutil.copy("style.png", "style.4.png")
        status, said = refused(f"{flag} --overwrite --styles style.4.png")
        assert (status, said) == (2, ["style.4.png is an input of this run; choose another name for the output"])


@pytest.mark.parametrize(
    ("flags", "path"),
    [
        ("", "out.png"),
        (f"{CHECKPOINTS} c{{}}.png", "c2.png"),
        (f"{CHECKPOINTS} c{{}}.png", "c4.png"),
        (f"{CHECKPOINTS} c{{}}.png", "c5.png"),  # the last iteration
        ("--progress-write", "progress.txt"),
        ("--progress-plot", "progress.png"),
        ("--contact-sheet sheet.png", "sheet.png"),
        ("--state a.state", "a.state"),
    ],
)
def test_each_output_that_exists_is_refused(refused, flags, path):
    assert refused(flags) == (0, [])
    Path(path).touch()
    assert refused(flags) == (1, [f"{path} exists; choose another name or give --overwrite"])
    assert refused(f"{flags} --overwrite") == (0, [])
    Path(path).unlink()
    Path(path).mkdir()
    assert refused(f"{flags} --overwrite") == (1, [f"cannot write {path}: it is a directory"])
    assert len(refused(flags)[1]) == 2


def test_only_checkpoints_that_will_be_written_are_in_the_way(refused):
    for number in (0, 1, 3, 6):
        Path(f"c{number}.png").touch()
    assert refused(f"{CHECKPOINTS} c{{}}.png") == (0, [])
    for number in (2, 4):
        Path(f"c{number}.png").touch()
    Path("out.png").touch()
    assert refused(f"{CHECKPOINTS} c{{}}.png")[1] == [
        "out.png and 2 more exist; choose another name or give --overwrite"
    ]
    assert outputs.MOST_CHECKPOINTS == 10_000


def test_of_very_many_checkpoints_the_first_and_the_last_are_checked(refused, monkeypatch):
    monkeypatch.setattr(outputs, "MOST_CHECKPOINTS", 2)
    Path("c6.png").touch()
    assert refused(f"{CHECKPOINTS} c{{}}.png", iterations=9) == (0, [])
    for name in ("c4.png", "c9.png"):
        Path(name).touch()
        assert refused(f"{CHECKPOINTS} c{{}}.png", iterations=9)[0] == 1
        Path(name).unlink()


@pytest.mark.parametrize(
    ("flags", "path"),
    [
        ("--contact-sheet out.png", "out.png"),
        ("--state out.png", "out.png"),
        ("--progress-write --state progress.txt", "progress.txt"),
        ("--progress-plot --contact-sheet progress.png", "progress.png"),
        (f"{CHECKPOINTS} c{{}}.png --contact-sheet c4.png", "c4.png"),
    ],
)
def test_two_outputs_are_two_files(refused, flags, path):
    assert refused(flags) == (2, [f"{path} would be written twice; choose different names"])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (f"{CHECKPOINTS} content.png/c{{}}.png", "cannot write to content.png: it is not a directory"),
        ("--contact-sheet content.png/s.png", "cannot write to content.png: it is not a directory"),
        ("--state content.png/no/a.state", "cannot write to content.png: it is not a directory"),
        ("--state https://a.org/a.state", "cannot write to https://a.org: it is an address; give a file on this"),
        ("--contact-sheet s.xyz", "cannot write s.xyz: "),
        ("--tensorboard content.png", "cannot write to content.png: it is not a directory"),
        (f"{CHECKPOINTS} c{{}}.jpg --depth 16", "cannot write c2.jpg: "),
    ],
)
def test_each_output_is_checked(refused, flags, message):
    status, said = refused(flags)
    assert status == 1
    assert len(said) == 1
    assert said[0].startswith(message)


def test_a_format_has_to_hold_what_is_asked_of_it(refused):
    assert refused("--depth 16") == (0, [])
    status, said = refused("--depth 16", output="out.jpg")
    assert (status, len(said)) == (1, 1)
    Image.new("RGBA", (40, 30), (9, 99, 199, 50)).save("content.png")
    assert refused("", output="out.jpg") == (0, [])
    assert refused("--keep-alpha") == (0, [])
    status, said = refused("--keep-alpha", output="out.jpg")
    assert (status, len(said)) == (1, 1)
    Image.new("RGB", (4000, 1)).save("content.png")
    assert refused("--keep-alpha --style-size original", output="out.jpg") == (0, [])
    status, said = refused(
        "--width 66000 --style-size original", output="out.jpg"
    )  # JPEG has no more than 65535 columns
    assert status == 1
    assert any(line.startswith("cannot write out.jpg: ") for line in said)


def test_a_directory_must_be_writable_and_have_room(refused, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, mode: asked.append((path, mode)) or path != ".")
    assert refused("") == (1, ["cannot write to .: permission denied"])
    assert (".", os.W_OK | os.X_OK) in asked


@pytest.mark.parametrize(("free", "refusal"), [(3600, []), (3599, ["cannot write to .: 0.0 MB are free and 0.0 MB"])])
def test_the_picture_may_not_compress(refused, monkeypatch, free, refusal):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(free))  # 40 x 30 pixels of three bytes
    status, said = refused("")
    assert status == len(refusal)
    assert len(said) == len(refusal)
    assert all(line.startswith(start) for line, start in zip(said, refusal, strict=True))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--state-iterations 2", "--state-iterations says how often; --state says where"),
        ("--state a --state-iterations 0", "--state-iterations must be a number of iterations, at least 1, not 0"),
        ("--print-iterations -2", "--print-iterations must be a number of iterations, at least 1, not -2"),
        ("--max-seconds -1", "--max-seconds must be a number above 0, not -1"),
        ("--checkpoint-iterations 0 --checkpoint-output c{}.png", "--checkpoint-iterations must be a number of"),
        ("--checkpoint-iterations 2 --checkpoint-output c{{}}.png", "--checkpoint-output c{{}}.png has no place for"),
        ("--checkpoint-iterations 2 --checkpoint-output c{}{}.png", "--checkpoint-output c{}{}.png has no place for"),
        ("--checkpoint-iterations 2 --checkpoint-output c{a.b}.png", "--checkpoint-output c{a.b}.png has no place for"),
    ],
)
def test_numbers_that_cannot_be(refused, flags, message):
    status, said = refused(flags)
    assert status == 2
    assert len(said) == 1
    assert said[0].startswith(message)


def test_the_least_numbers_that_can_be(refused):
    flags = "--state a --state-iterations 1 --print-iterations 1 --max-seconds 0.001 --checkpoint-iterations 1"
    assert refused(f"{flags} --checkpoint-output c%d.png") == (0, [])


def test_the_plot_needs_matplotlib_only_where_it_is_asked_for(refused, monkeypatch):
    monkeypatch.setattr(outputs.importlib.util, "find_spec", lambda name: None)
    assert refused("--progress-write") == (0, [])
    message = "--progress-plot needs matplotlib: python -m pip install matplotlib"
    assert refused("--progress-plot") == (1, [message])


def test_directories_are_created_once_everything_is_checked(command, folder):
    flags = words(f"{CHECKPOINTS} c/{{}}.png --state s/t/a.state --contact-sheet sheets/sheet.png")
    status, _, err = command(*flags, "--beta1", 2, output="new/out.png")
    assert (status, os.path.exists("new")) == (2, False)
    assert command(*flags, "--dry-run", output="new/out.png")[0] == 0
    assert not any(os.path.exists(name) for name in ("new", "c", "s", "sheets"))
    status, _, err = command(*flags, "--progress-write", output="new/out.png")
    assert status == 0, err
    for path in ("new/out.png", "new/progress.txt", "c/2.png", "s/t/a.state", "sheets/sheet.png"):
        assert os.path.exists(path), path
    assert "created the directory new\n" in err
    assert "created the directory s/t\n" in err


def test_a_directory_that_cannot_be_created_ends_the_run(command, monkeypatch):
    def makedirs(path, exist_ok):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "makedirs", makedirs)
    status, _, err = command(output="new/out.png")
    assert (status, err.splitlines()[-1]) == (
        1,
        "neural_style: error: cannot create new: No space left on device",
    )


@pytest.mark.parametrize(
    ("output", "flags", "path"),
    [
        ("new/", "", "new/content-style.jpg"),
        ("there", "", "there/content-style.jpg"),
        (".", "", "./content-style.jpg"),
        ("new/a/", "--keep-alpha", "new/a/content-style.png"),
        ("new/", "--depth 16 --styles style.png other.png", "new/content-style-other.png"),
        ("{content}/", "", "content/content-style.jpg"),
        ("2026.11/", "", "2026.11/content-style.jpg"),
    ],
)
def test_an_output_that_is_a_directory(command, plans, output, flags, path):
    os.mkdir("there")
    status, _, err = command(*words(flags), output=output)
    assert status == 0, err
    assert plans[0].job.output == path


def test_the_names_in_a_directory_differ(command, plans):
    os.mkdir("twin")
    shutil.copy("content.png", "twin/content.png")
    contents = ["--content", "content.png", "twin/content.png"]
    assert command(*contents, output="out/")[0] == 0
    outputs = [plan.job.output for plan in plans]
    assert len(set(outputs)) == 2
    assert outputs[1] == "out/twin-content-style.jpg"
