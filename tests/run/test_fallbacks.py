"""Where pictures and states go that cannot be written where they belong."""

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from brushwork import state
from brushwork.errors import PictureError
from brushwork.pictures import read, write
from brushwork.run import jobs, saving
from brushwork.run.own_files import OwnFiles
from brushwork.settings import Settings
from brushwork.watch import contact_sheet

IMAGE = np.full((4, 6, 3), 50, np.float32)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working directory, with directories for states and for temporary files. Plans say which can be written to."""

    def save_picture(path, plan, step):
        directory = os.path.relpath(Path(path).parent)
        if directory not in plan.writable:
            raise PictureError(f"cannot write {path}: no space") if plan.picture_error else OSError(28, "no space")
        write.save(path, step.picture(), replacing=plan.own.replacing)

    monkeypatch.setattr(saving, "save_picture", save_picture)
    monkeypatch.chdir(tmp_path)
    for name in ("states", "temporary"):
        Path(name).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", "temporary")
    monkeypatch.setenv("HOME", "home")
    return tmp_path


def plan_with(*, path=None, writable=(".",), picture_error=True):
    job = jobs.Job("pictures/c.png", ["a/s.png", "t.png"], "out.png", None, None, None, path)
    options = SimpleNamespace(contact_sheet=None, command=[])
    given = {"writable": writable, "picture_error": picture_error, "own": OwnFiles(overwrite=True)}
    return SimpleNamespace(job=job, options=options, settings=Settings(), digests={}, **given)


def texts(logged):
    """(information, errors)"""
    return tuple([text for level, text in logged if level == wanted] for wanted in ("info", "error"))


AT = state.State(0, 2, IMAGE, IMAGE, 5.0, {})
STEP = SimpleNamespace(iteration=2, picture=lambda: IMAGE, state=lambda: AT)


def results(logged, plan, ending=None, with_state=False, finished=False):
    """(information, errors) logged when the results of a plan are saved."""
    logged.clear()
    saving.save_results(plan, STEP, saving.Ending(ending, finished, with_state))
    return texts(logged)


def test_results_are_said_in_one_sentence(place, logged):
    assert results(logged, plan_with()) == (["wrote out.png"], [])
    assert results(logged, plan_with(), "ended") == (["ended; wrote out.png"], [])
    expected = ["ended; wrote out.png; continue with --resume out.state"]
    assert results(logged, plan_with(), "ended", True) == (expected, [])
    assert state.read("out.state").state.index == 2
    expected = ["wrote out.png; continue with --resume states/a.state"]
    assert results(logged, plan_with(path="states/a.state"), None, True) == (expected, [])
    assert results(logged, plan_with(), None, True)[0] == [
        "wrote out.png; continue with --resume out.state"
    ]  # a state, replaced
    assert not state.read("out.state").finished
    assert results(logged, plan_with(), None, True, True)[0] == ["wrote out.png; its state is in out.state"]
    assert state.read("out.state").finished


@pytest.mark.parametrize("picture_error", [True, False])
@pytest.mark.parametrize(
    ("path", "writable", "directory"),
    [
        (None, ("temporary",), "temporary"),
        ("states/a.state", ("states", "temporary"), "states"),
        ("states/a.state", ("temporary",), "temporary"),
        ("states/a.state", (), None),
    ],
)
def test_a_picture_that_cannot_be_written_goes_elsewhere(place, logged, path, writable, directory, picture_error):
    files = psutil.Process().num_fds()
    said, complaints = results(logged, plan_with(path=path, writable=writable, picture_error=picture_error), "ended")
    assert psutil.Process().num_fds() == files
    assert said == ["ended"]
    if directory is None:
        assert complaints == ["cannot write out.png: no space; it could not be written elsewhere either"]
        return
    (found,) = Path(directory).glob("neural_style-*.png")
    assert complaints == [f"cannot write out.png: no space; wrote {found.resolve()} instead"]
    assert read.image(str(found)).shape == IMAGE.shape


def test_nothing_is_said_where_nothing_could_be_written(place, logged):
    assert results(logged, plan_with(writable=()))[0] == []


def test_a_state_does_not_replace_a_file_of_the_user_s(place, logged, monkeypatch):
    Path("out.state").write_text("mine")
    assert results(logged, plan_with(), None, True) == (["wrote out.png; continue with --resume out-2.state"], [])
    assert Path("out.state").read_text() == "mine"
    assert state.read("out-2.state").state.index == 2
    # Whoever names it, with --overwrite, means it.
    assert results(logged, plan_with(path="out.state"), None, True)[0] == [
        "wrote out.png; continue with --resume out.state"
    ]

    def failing(path, saved, replacing):
        raise OSError(28, "no space")

    monkeypatch.setattr(state, "write", failing)
    said, complaints = results(logged, plan_with(path="b.state"), None, True)
    assert said == ["wrote out.png"]
    assert complaints == ["cannot write b.state: no space; it could not be written elsewhere either"]


def test_a_state_that_cannot_be_written_goes_elsewhere_as_a_state(place, logged, monkeypatch):
    write_state = state.write

    def failing(path, saved, replacing):
        if Path(path).resolve().parent == place:
            raise OSError(28, "no space")
        write_state(path, saved, replacing)

    monkeypatch.setattr(state, "write", failing)
    said, complaints = results(logged, plan_with(), None, True)
    (found,) = Path("temporary").glob("neural_style-*.state")
    assert said == [f"wrote out.png; continue with --resume {found.resolve()}"]
    assert complaints == [f"cannot write out.state: no space; wrote {found.resolve()} instead"]
    assert state.read(found).state.index == 2


def test_interim_files_that_cannot_be_written_do_not_end_the_run(place, logged):
    plan = plan_with(path="no/a.state", writable=())
    plan.job = plan.job._replace(checkpoints="c{}.png")
    saving.save_checkpoint(plan, STEP)
    saving.save_interim_state(plan, STEP)
    assert texts(logged)[1] == [
        "cannot write c2.png: no space; going on",
        "cannot write no/a.state: No such file or directory; going on",
    ]
    plan.writable = (".",)
    saving.save_checkpoint(plan, STEP)
    assert len(logged) == 2
    assert read.image("c2.png").shape == IMAGE.shape


def test_the_contact_sheet(place, logged, monkeypatch):
    given = []
    monkeypatch.setattr(contact_sheet, "sheet", lambda *parts: given.append(parts) or IMAGE)
    plan, shots = plan_with(), [("iteration 1", IMAGE)]
    plan.options.contact_sheet = "sheet.png"
    plan.content, plan.styles = IMAGE + 1, [IMAGE + 2, IMAGE + 3]
    saving.save_contact_sheet(plan, shots, STEP)
    assert logged == [("info", "wrote sheet.png")]
    ((pictures, shown, result),) = given
    assert [caption for caption, _ in pictures] == ["content: c.png", "style: s.png", "style: t.png"]
    assert [picture[0, 0, 0] for _, picture in pictures] == [51, 52, 53]
    assert shown is shots
    assert result is IMAGE
    plan.options.contact_sheet = "no/sheet.png"
    saving.save_contact_sheet(plan, shots, STEP)
    (error,) = texts(logged)[1]
    assert len(logged) == 2
    assert error.startswith("cannot write no/sheet.png: ")


@pytest.mark.parametrize(
    ("iteration", "interrupted", "deadline", "reason", "is_finished", "with_state"),
    [
        (9, False, np.inf, None, True, False),
        (8, False, np.inf, "ended after 8 of 9 iterations, as no step lowers the loss", True, False),
        (8, False, 5.0, "ended after 8 of 9 iterations, in time", False, False),
        (8, True, 5.0, "interrupted after 8 of 9 iterations", False, True),
        (9, True, np.inf, None, True, False),
    ],
)
def test_how_a_run_ended(iteration, interrupted, deadline, reason, is_finished, with_state):
    schedule, step = SimpleNamespace(iterations=9), SimpleNamespace(iteration=iteration)
    for path in (None, "a.state"):  # a state that is named is always saved
        job = SimpleNamespace(state=path)
        plan = SimpleNamespace(settings=Settings(), schedule=schedule, deadline=deadline, job=job)
        expected = saving.Ending(reason, is_finished, with_state or path is not None)
        assert saving.ending_of(plan, step, interrupted=interrupted) == expected
