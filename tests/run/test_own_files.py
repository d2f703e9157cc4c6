"""What a run may replace: what it has written itself, and with --overwrite all."""

import os
import shutil
from pathlib import Path

import pytest

from brushwork import files, state
from brushwork.run.own_files import OwnFiles
from tests.helpers.command import pixels
from tests.helpers.tiers import spot_checks


def write(own, path, contents=b"ours", **options):
    with own.replacing(path, **options) as file:
        file.write(contents)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_that_exists_is_replaced_only_with_overwrite(place):
    Path("a").write_bytes(b"theirs")
    with pytest.raises(FileExistsError, match="this run did not write it"):
        write(OwnFiles(overwrite=False), "a")
    assert Path("a").read_bytes() == b"theirs"
    write(OwnFiles(overwrite=True), "a")
    assert Path("a").read_bytes() == b"ours"


def test_a_file_is_written_again_unless_somebody_has_changed_it(place):
    own = OwnFiles(overwrite=False)
    write(own, "a")
    write(own, "./a", b"ours again")
    os.symlink("a", "link")
    write(own, "link", b"and again")
    assert Path("a").read_bytes() == b"and again"
    Path("a").write_bytes(b"not ours.")
    with pytest.raises(FileExistsError):
        write(own, "a")


def test_a_file_that_appears_while_another_is_written_stays(place):
    own = OwnFiles(overwrite=False)
    with pytest.raises(FileExistsError), own.replacing("a") as file:
        file.write(b"ours")
        Path("a").write_bytes(b"theirs")
    assert (Path("a").read_bytes(), os.listdir()) == (b"theirs", ["a"])


def test_a_file_system_without_links(place, monkeypatch):
    def link(*paths):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    test_a_file_that_appears_while_another_is_written_stays(place)
    os.remove("a")
    write(OwnFiles(overwrite=False), "a")
    assert os.listdir() == ["a"]


def test_what_was_recorded_is_replaced_if_it_is_as_it_was(place):
    before = OwnFiles(overwrite=False)
    write(before, "a")
    write(before, "b")
    write(before, "a.state", is_state=True)
    recorded = before.digests()
    assert recorded == {name: files.digest(name) for name in "ab"}
    shutil.copy("a", "copy")
    os.replace("copy", "a")  # the same contents
    Path("b").write_bytes(b"else")
    own = OwnFiles(overwrite=False, recorded=recorded, state="a.state")
    assert [own.may_replace(name) for name in ("a", "b", "a.state", "new")] == [True, False, True, True]
    write(own, "a", b"more")
    os.remove("b")
    assert own.digests()[os.path.abspath("b")] == recorded["b"]
    assert own.digests()["a"] == files.digest("a")
    Path("a").write_bytes(b"not ours")
    assert own.digests()["a"] != files.digest("a")
    assert OwnFiles(overwrite=False).digests() == {}


@pytest.fixture
def stopped(command):
    """Runs the command in the directory `run`, stopped after 2 of 4 iterations; returns its messages."""

    def run(*arguments, output="out.png"):
        status, _, err = command("--state", "out.state", "--print-iterations", 1, *arguments, output=output)
        assert status == 0
        return err

    return run


def test_a_stranger_s_state_replaces_nothing(command, stopped):
    stopped("--quiet")
    saved = state.read("out.state")
    for name in ("photo.png", "notes.txt"):
        Path(name).write_text("my only copy")
    there = os.path.abspath
    swapped = {"out.png": there("photo.png"), "out.state": there("notes.txt")}
    words = [*(swapped.get(word, word) for word in saved.command), "--overwrite", "--quiet", "--iterations", "3"]
    state.write("stranger.state", saved.__class__(**vars(saved) | {"command": words}))
    for flags in ([], ["--output", "new.png"], ["--state", "new.state"]):
        status, _, err = command("--resume", "stranger.state", *flags, defaults=False)
        assert status == 1
        assert "exist" in err.splitlines()[-1]
    assert {Path(name).read_text() for name in ("photo.png", "notes.txt")} == {"my only copy"}
    assert command("--resume", "stranger.state", "--overwrite", defaults=False)[0] == 0
    assert pixels("photo.png").shape == (30, 40, 3)


def contents(directory):
    """{path in the directory: bytes} of all files in it."""
    paths = [path for path in Path(directory).rglob("*") if path.is_file()]
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}


OUTPUTS = ["out.png", "{here}/sub/out.png", "sub/out.png", "{here}/out.png"]


@pytest.mark.parametrize("output", spot_checks(OUTPUTS, keep=(0, 1)))
def test_the_state_of_a_copied_directory_never_leads_back(command, stopped, folder, monkeypatch, output):
    Path("one/sub").mkdir(parents=True)
    for name in ("content.png", "style.png", "net.mat"):
        shutil.copy(name, "one")
    monkeypatch.chdir("one")
    path = output.format(here=os.getcwd())
    place = os.path.join(os.path.dirname(path), "run.state")
    flags = ["--contact-sheet", "sheet.png", "--progress-write", "--checkpoint-output", "c{}.png"]
    stopped("--state", place, *flags, "--checkpoint-iterations", 1, output=path)
    place = os.path.relpath(place)
    monkeypatch.chdir(folder)
    before = contents("one")
    shutil.copytree("one", "two")
    status, _, err = command("--resume", f"two/{place}", "--iterations", 4, defaults=False)
    assert status == 0, err
    assert f"its paths are relative to {folder}/two now" in err
    assert contents("one") == before
    monkeypatch.chdir("one")
    assert command("--resume", place, "--iterations", 4, defaults=False)[0] == 0
    pictures = [
        {name: data for name, data in contents(folder / each).items() if name.endswith("png")}
        for each in ("one", "two")
    ]
    assert "c4.png" in pictures[0]
    assert pictures[0] == pictures[1]


def test_a_state_that_was_moved_alone_finds_its_inputs(command, stopped, folder):
    stopped()
    Path("sub").mkdir()
    os.rename("out.state", "sub/moved.state")
    before = Path("out.png").read_bytes()
    status, _, err = command("--resume", "sub/moved.state", "--iterations", 4, defaults=False)
    assert status == 0, err
    assert "wrote sub/out.png" in err or f"wrote {folder}/sub/out.png" in err
    assert Path("out.png").read_bytes() == before


def test_a_finished_picture_is_not_taken_for_unfinished(command, stopped):
    stopped("--max-seconds", 0.0001, "--iterations", 1000)
    assert not state.read("out.state").finished
    assert command("--overwrite")[0] == 0
    picture = Path("out.png").read_bytes()
    status, _, err = command("--skip-existing", "--state", "out.state")
    assert (status, Path("out.png").read_bytes()) == (0, picture)
    assert "out.png exists: skipped; it is not the picture of the unfinished run in out.state" in err


@pytest.mark.parametrize("flags", spot_checks(["--overwrite", "--skip-existing", ""], keep=(0,)))
def test_an_output_that_no_file_can_replace_is_found_before_the_run(command, plans, flags):
    os.mkfifo("fifo.png")
    os.symlink("nowhere/x.png", "link.png")
    os.symlink("x.png", "loose.png")
    os.symlink("/dev/full", "full.png")
    kinds = {"fifo.png": "not a regular file", "full.png": "not a regular file"}
    kinds |= dict.fromkeys(("link.png", "loose.png"), "a link to a file that does not exist")
    for name, kind in kinds.items():
        status, _, err = command(*flags.split(), output=name)
        if status or flags != "--skip-existing":
            assert status == 1
            assert f"neural_style: error: cannot write {name}: it is {kind}\n" in err
    assert plans == []


def test_an_output_that_somebody_creates_during_the_run_stays(command, at_evaluation):
    at_evaluation(2, lambda: Path("out.png").write_text("theirs"))
    status, _, err = command()
    assert status == 1
    assert Path("out.png").read_text() == "theirs"
    assert "cannot write out.png: it exists, and this run did not write it; wrote " in err
    (found,) = Path().glob("neural_style-*.png")
    assert pixels(found).shape == (30, 40, 3)


def test_what_a_killed_run_has_left_is_removed(command):
    left, other = Path(".0123456789abcdef.unfinished"), Path(".mine.unfinished")
    left.touch()
    other.touch()
    with files.replacing("busy") as file:
        file.write(b"busy")
        assert command()[0] == 0
    assert (left.exists(), other.exists(), Path("busy").read_bytes()) == (False, True, b"busy")
