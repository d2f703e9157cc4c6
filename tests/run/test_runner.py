"""However a run ends, which picture is saved, whether its state is, what is said, and the exit status."""

import os
import signal
import time
from types import SimpleNamespace

import pytest

import stylize
from brushwork.engine import memory, session
from brushwork.errors import Diverged, DoesNotFit
from brushwork.run import runner, saving
from tests.helpers.command import words
from tests.watch.steps import make_step


class FakeObjective:
    graph = None

    def __init__(self, *arguments, precision):
        self.precision, self.closed = precision, 0
        made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.closed += 1

    def cancel(self):
        pass

    def has_ended(self, seconds):
        return True


made = []


@pytest.fixture
def paint(command, monkeypatch):
    """Runs the command on four made-up steps, after which `end` is called: (status, error output, what was saved)."""
    monkeypatch.setattr(session, "chosen_precision", lambda kind: "float32" if kind == "auto" else kind)

    def paint(*arguments, end=lambda: None, before_second=lambda: None, count=4, iterations=3):
        saved = []

        def steps(objective, content, styles, settings, **given):
            saved.append(given)
            for number in range(count):
                if number == 2:
                    before_second()
                yield make_step(number)
            end()

        def save(plan, step, ending, shots):
            saved.append((step.iteration, ending.reason, ending.with_state))
            if plan.options.contact_sheet:
                saved.append("sheet")

        made.clear()
        monkeypatch.setattr(stylize, "make_objective", FakeObjective)
        monkeypatch.setattr(stylize, "stylize", steps)
        monkeypatch.setattr(saving, "save_results", save)
        status, _, err = command(*arguments, iterations=iterations)
        assert all(each.closed == 1 for each in made)
        said = [line.removeprefix("neural_style: ") for line in err.splitlines()]
        return status, [line for line in said if "takes about" not in line and "would take" not in line], saved[1:]

    return paint


COMPUTING = "computing in float32"


def test_a_run_that_ends(paint):
    assert paint() == (0, [COMPUTING], [(3, None, False)])
    assert paint("--state", "a.state") == (0, [COMPUTING], [(3, None, True)])
    assert paint("--contact-sheet", "sheet.png")[2] == [(3, None, False), "sheet"]
    assert paint("--quiet") == (0, [], [(3, None, False)])


def test_a_run_that_ends_early(paint):
    ending = "ended after 3 of 9 iterations, as no step lowers the loss"
    assert paint(iterations=9)[2] == [(3, ending, False)]
    ending = "ended after 3 of 9 iterations, in time"
    assert paint("--max-seconds", 1000, iterations=9)[2] == [(3, ending, False)]


def failing(error):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "flags", "sentence"),
    [
        (Diverged("the loss is not finite"), "", "the loss is not finite; try a smaller --learning-rate"),
        (Diverged("the loss is not finite"), "--optimizer lbfgs", "the loss is not finite; try --precision float32"),
        (DoesNotFit("too large"), "--quiet", "too large"),
        (MemoryError(), "", "out of memory"),
    ],
    ids=str,
)
def test_a_run_that_fails_keeps_its_picture_and_no_state(paint, error, flags, sentence):
    status, said, saved = paint("--state", "a.state", *words(flags), end=failing(error), iterations=9)
    assert (status, saved) == (1, [(3, None, False)])
    assert said[-1] == f"error: {sentence}"
    assert len(said) == (1 if "--quiet" in flags else 2)


def test_a_run_that_fails_before_its_first_step(paint):
    status, said, saved = paint(end=failing(MemoryError()), count=0)
    assert (status, said[-1], saved) == (1, "error: out of memory", [])


def test_an_error_of_our_own_keeps_the_picture_and_the_traceback(paint, monkeypatch):
    saved = []
    monkeypatch.setattr(saving, "ending_of", lambda *_, **__: pytest.fail("the run did not end"))

    def fail():
        monkeypatch.setattr(
            saving, "save_results", lambda plan, step, ending, shots: saved.append((step.iteration, ending))
        )
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        paint("--state", "a.state", end=fail)
    assert saved == [(3, saving.Ending(None, is_finished=False, with_state=False))]
    assert made[-1].closed == 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_saves_the_last_picture_and_the_state(paint, number, status):
    """The step during which the signal comes is the last one."""

    def interrupt():
        os.kill(os.getpid(), number)
        time.sleep(0.1)

    code, _, saved = paint(before_second=interrupt, count=9, iterations=8)
    assert (code, saved) == (status, [(2, "interrupted after 2 of 8 iterations", True)])


def test_the_steps_are_those_of_the_plan(command, plans, monkeypatch, logged):
    given = {}

    def steps(objective, content, styles, settings, **others):
        given.update(objective=objective, content=content, styles=styles, settings=settings, **others)
        return (step for step in ())

    monkeypatch.setattr(stylize, "make_objective", FakeObjective)
    monkeypatch.setattr(stylize, "stylize", steps)
    assert command("--initial", "other.png", "--scales", 2, "--tile-size", 16, "--precision", "bfloat16")[0] == 0
    plan = plans[0]
    monkeypatch.undo()
    monkeypatch.setattr(stylize, "make_objective", FakeObjective)
    monkeypatch.setattr(stylize, "stylize", steps)
    options, interrupts = plan.options, SimpleNamespace(status=0, on_signal=lambda function: None)
    with runner.Runner(options, interrupts) as made_by:
        assert made_by.run(plan) == 0
        assert made_by.run(plan) == 0
    assert logged[0] == ("info", "computing in bfloat16, in tiles of 16 pixels")
    assert given["settings"] == plan.settings_for_stylize
    for name in ("content", "styles", "initial", "masks"):
        assert given[name] is getattr(plan, name), name
    assert (given["resume"], given["tile_sizes"], given["objective"].precision) == (None, (16, 16), "bfloat16")
    monkeypatch.setattr(memory, "tile_sizes", lambda workload: [None, 32])  # the coarser scale needs none
    with runner.Runner(options, interrupts) as made_by:
        assert made_by.run(plan) == 0
    assert logged[-1] == ("info", "computing in bfloat16, in tiles of 32 pixels")


def test_the_faster_precision_is_hinted_at_once(paint, monkeypatch):
    monkeypatch.setattr(session, "chosen_precision", lambda kind: "bfloat16" if kind == "auto" else kind)
    assert paint()[1] == ["computing in float32; --precision bfloat16 is faster here"]
    assert paint("--precision", "auto")[1] == ["computing in bfloat16"]
    monkeypatch.setattr(session, "chosen_precision", lambda kind: "float32" if kind == "auto" else kind)
    assert paint("--precision", "bfloat16")[1] == ["computing in bfloat16"]
