"""Every flag of a watcher reaches it, with its interval."""

import re
from pathlib import Path

import numpy as np
import pytest

from brushwork.run import pipeline, saving
from brushwork.watch import progress, report, table, tensorboard
from tests.helpers.command import LOSS, words
from tests.watch.steps import Clock, run

CHECKPOINTS = words("--checkpoint-output c{}.png --checkpoint-iterations 3")
STATES = words("--state a.state --state-iterations 4")


@pytest.fixture
def watch(command, plans, capfd, monkeypatch, logged):
    """Passes the steps of a run of seven iterations through the watchers of some flags; returns what they did."""

    def watch(*arguments, ends=(7,), first=0, clock=None, durations=()):
        status, _, err = command(*arguments, iterations=7)
        assert status == 0, err
        done = {"said": [], "shots": [], "checkpoints": [], "states": []}
        for name, kind in (("save_checkpoint", "checkpoints"), ("save_interim_state", "states")):

            def save(plan, step, kind=kind):
                assert plan is plans[-1]
                done[kind].append(step.iteration)

            monkeypatch.setattr(saving, name, save)
        how = {"graph": None, "shots": done["shots"]}
        steps = run(first=first, ends=ends, clock=clock, durations=durations)
        logged.clear()
        done["steps"] = [step.iteration for step in pipeline.watch(steps, plans[-1], **how)]
        done["said"] = [text for _, text in logged]
        done["printed"] = [(int(row[0]), int(row[1])) for row in LOSS.findall(capfd.readouterr().out)]
        return done

    return watch


def test_without_flags_the_steps_are_passed_on(watch):
    assert watch() == {"said": [], "shots": [], "checkpoints": [], "states": [], "steps": [*range(8)], "printed": []}
    assert not Path("progress.txt").exists()


def test_each_interval_is_its_own(watch):
    done = watch("--print-iterations", 2, *CHECKPOINTS, *STATES, "--progress-write")
    assert done["printed"] == [(iteration, 7) for iteration in (0, 2, 4, 6, 7)]
    assert done["checkpoints"] == [3, 6, 7]
    assert done["states"] == [4]
    assert np.loadtxt("progress.txt")[:, 0].tolist() == [0, 2, 4, 6, 7]  # the iterations that are printed
    assert not Path("progress.png").exists()


def test_the_table_has_every_iteration_and_the_plot_is_asked_for(watch):
    assert watch("--progress-write")["printed"] == []
    assert np.loadtxt("progress.txt")[:, 0].tolist() == [*range(8)]
    Path("progress.txt").unlink()
    watch("--progress-plot")
    assert Path("progress.png").exists()
    assert not Path("progress.txt").exists()


def test_scales_are_announced(watch):
    done = watch("--scales", 2, "--scale-iterations", 5, 2, "--print-iterations", 9, ends=(5, 7))
    assert done["said"] == ["scale 1 of 2: 20x15", "scale 2 of 2: 40x30"]
    assert done["printed"] == [(0, 7), (7, 7)]


def test_the_contact_sheet_and_tensorboard(watch, monkeypatch):
    seen = []

    def write_events(steps, directory, graph, **how):
        seen.append((directory, graph, how))
        return steps

    monkeypatch.setattr(tensorboard, "write_events", write_events)
    expected = {"last": 7}
    shots = watch("--contact-sheet", "sheet.png", "--tensorboard", "board")["shots"]
    assert [caption for caption, _ in shots] == [f"iteration {number}" for number in (1, 3, 4, 6)]
    assert seen == [("board", None, {"every": tensorboard.PICTURES_EVERY} | expected)]
    watch("--tensorboard", "board", *CHECKPOINTS)
    assert seen[1:] == [("board", None, {"every": 3} | expected)]


def test_a_run_ends_before_its_deadline(watch, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    monkeypatch.setattr("brushwork.run.plan.time", clock.time)
    assert watch("--max-seconds", 35, clock=clock, durations=[10.0])["steps"] == [0, 1, 2]
    assert len(watch(clock=clock, durations=[1e9])["steps"]) == 8


def test_progress_is_shown_unless_quiet(watch, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock.time)
    pattern = r"iteration \d of 7, total loss \S+, 6.00 s each, \d+ min|iteration \d of 7, total loss \S+, .*s left"
    said = watch(clock=clock, durations=[6.0])["said"]  # every ten seconds: every second iteration
    assert len(said) == 3
    assert all(re.match(pattern, line) for line in said)
    said = watch("--verbose", clock=clock, durations=[6.0])["said"]
    assert len(said) == 7
    assert all("style loss" in line for line in said)
    assert watch("--quiet", clock=clock, durations=[6.0])["said"] == []


def test_another_way_to_show_the_progress_replaces_the_messages(watch, plans, logged, monkeypatch):
    clock, shown = Clock(), []
    monkeypatch.setattr(progress, "time", clock.time)
    watch()

    def show(steps, plan):
        assert plan is plans[-1]
        for step in steps:
            shown.append(step.iteration)
            yield step

    steps = run(ends=(7,), clock=clock, durations=[20])
    assert len(list(pipeline.watch(steps, plans[-1], graph=None, shots=[], show=show))) == 8
    assert (shown, logged) == ([*range(8)], [])


def test_the_table_of_a_resumed_run_goes_on_from_its_state(watch, command, plans):
    from brushwork import state

    flags = words("--scales 2 --scale-iterations 4 3 --progress-write")
    assert command(*flags)[0] == 0
    image = np.zeros((30, 40, 3), np.float32)
    state.write("a.state", saving.saved_run(plans[0], state.State(1, 2, image, image, 5.0, {})))
    losses = {"content": 1.0, "style": 2.0, "tv": 3.0, "total": 6.0}
    Path("progress.txt").write_bytes(table.text([table.Row(number, losses) for number in range(8)]))
    assert command("--resume", "a.state", "--overwrite", defaults=False)[0] == 0
    how = {"graph": None, "shots": []}
    list(pipeline.watch(run(first=6, ends=(4, 7)), plans[-1], **how))
    rows = np.loadtxt("progress.txt")
    assert rows[:, 0].tolist() == [*range(8)]
    assert rows[:, 4].tolist() == [6] * 6 + [7 * 1110, 8 * 1110]  # iteration 6 is where it goes on
