"""The progress of a run: the bar on a terminal and the lines elsewhere."""

import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from brushwork import messages
from brushwork.messages import logger
from brushwork.watch import progress
from tests.helpers.command import FAST
from tests.helpers.tiers import spot_checks
from tests.watch.steps import Clock, iterations, run, schedule_of

FLAGS = f"--content content.png --styles style.png --output out.png --network net.mat --overwrite {FAST}"


def lines(monkeypatch, *, ends, durations, costs=None, verbose=False, first=0):
    """The messages about a run whose steps take such times."""
    clock, said = Clock(), []
    monkeypatch.setattr(logger, "info", said.append)
    monkeypatch.setattr(progress, "time", clock.time)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    steps, schedule = run(first=first, ends=ends, clock=clock, durations=durations), schedule_of(*ends, costs=costs)
    assert iterations(progress.show_progress(steps, schedule, verbose=verbose))[-1] == ends[-1]
    return said


def test_a_line_every_ten_seconds(monkeypatch):
    assert lines(monkeypatch, ends=(10,), durations=[60, 4]) == [
        "iteration 3 of 10, total loss 4440, 4.00 s each, 28 s left",
        "iteration 6 of 10, total loss 7770, 4.00 s each, 16 s left",
        "iteration 9 of 10, total loss 1.11e+04, 4.00 s each, 4 s left",
    ]


def test_the_pace_is_the_mean_since_the_first_step(monkeypatch):
    said = lines(monkeypatch, ends=(200,), durations=[5, 5, 7, 10])
    assert said[0] == "iteration 2 of 200, total loss 3330, 6.00 s each, 19 min 48 s left"


def test_few_lines_of_a_short_run(monkeypatch):
    assert lines(monkeypatch, ends=(3,), durations=[60, 3]) == []


def test_verbose_lines_have_all_losses_of_every_step(monkeypatch):
    assert lines(monkeypatch, ends=(2,), durations=[0.25], verbose=True) == [
        "iteration 1 of 2, content loss 20, style loss 200, tv loss 2000, total loss 2220, 0.25 s each, 0 s left",
        "iteration 2 of 2, content loss 30, style loss 300, tv loss 3000, total loss 3330, 0.25 s each, 0 s left",
    ]


@pytest.mark.parametrize("first", [0, 1])
def test_lines_give_the_time_left_at_all_scales(monkeypatch, first):
    # Three scales, to the iterations 3, 5 and 9; each step takes 10, 20 and 40 s. The first step has no line.
    durations = [10] * (4 - first) + [20] * 2 + [40] * 4
    expected = [
        "scale 1, iteration 1 of 9, total loss 2220, 10.00 s each, 3 min 40 s left",
        "scale 1, iteration 2 of 9, total loss 3330, 10.00 s each, 3 min 30 s left",
        "scale 1, iteration 3 of 9, total loss 4440, 10.00 s each, 3 min 20 s left",
        "scale 2, iteration 4 of 9, total loss 5550, 20.00 s each, 3 min 0 s left",
        "scale 2, iteration 5 of 9, total loss 6660, 20.00 s each, 2 min 40 s left",
        "scale 3, iteration 6 of 9, total loss 7770, 40.00 s each, 2 min 0 s left",
        "scale 3, iteration 7 of 9, total loss 8880, 40.00 s each, 1 min 20 s left",
        "scale 3, iteration 8 of 9, total loss 9990, 40.00 s each, 40 s left",
        "scale 3, iteration 9 of 9, total loss 1.11e+04, 40.00 s each, 0 s left",
    ]
    assert lines(monkeypatch, ends=(3, 5, 9), costs=(1, 2, 4), durations=durations, first=first) == expected[first:]


def test_lines_are_ten_seconds_apart_at_all_scales(monkeypatch):
    said = lines(monkeypatch, ends=(2, 5), durations=[60, 6])
    assert [line.split(", total")[0] for line in said] == ["scale 1, iteration 2 of 5", "scale 2, iteration 4 of 5"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_a_duration_as_on_a_clock(seconds, text):
    assert progress.clock(seconds) == text


class Terminal(io.StringIO):
    def isatty(self):
        return True


def bar(monkeypatch, *, ends, durations, costs=None, verbose=False, first=0):
    """The states of the bar of a run, each with the losses after it."""
    tqdm = pytest.importorskip("tqdm")
    clock, terminal = Clock(), Terminal()
    monkeypatch.setattr(tqdm.std, "time", lambda: clock.now)
    monkeypatch.setattr(progress, "time", clock.time)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(logger, "info", pytest.fail)
    steps, schedule = run(first=first, ends=ends, clock=clock, durations=durations), schedule_of(*ends, costs=costs)
    assert iterations(progress.show_progress(steps, schedule, verbose=verbose))[-1] == ends[-1]
    return [state.strip() for state in terminal.getvalue().split("\r") if "loss" in state]


def test_the_bar(monkeypatch):
    states = bar(monkeypatch, ends=(4,), durations=[60, 30])  # a minute for the targets and the start
    assert [re.sub("% .* ", "% ", state.split("/4")[0]) for state in states] == ["25% 1", "50% 2", "75% 3", "100% 4"]
    assert states[1].endswith("2/4 30.00s/it, 01:00 left, total loss 3330")


def test_a_bar_that_an_earlier_run_left_does_not_move_it(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    with tqdm(total=1, file=Terminal()):
        states = bar(monkeypatch, ends=(4,), durations=[60, 30])
    assert "\x1b[A" not in "".join(states)


def test_the_bar_of_two_scales_with_all_losses(monkeypatch):
    states = bar(monkeypatch, ends=(2, 4), durations=[1], verbose=True)
    losses = "content loss 40, style loss 400, tv loss 4000, total loss 4440"
    assert [state.partition("scale ")[2][:3] for state in states] == ["1/2", "1/2", "2/2", "2/2"]
    assert states[2].startswith("75%")
    assert states[2].endswith(f" 3/4  1.00s/it, 00:01 left, scale 2/2, {losses}")


def test_the_bar_of_a_run_that_goes_on(monkeypatch):
    states = bar(monkeypatch, first=50, ends=(100,), durations=[60, 2])
    assert states[0].startswith("50%")
    assert states[0].endswith("50/100 ? left, total loss 5.661e+04")
    assert states[1].startswith("51%")
    assert states[1].endswith("51/100  2.00s/it, 01:38 left, total loss 5.772e+04")


def test_the_pace_of_a_run_that_goes_on_is_unknown_at_its_first_step(monkeypatch):
    tqdm = pytest.importorskip("tqdm")
    clock, terminal = Clock(), Terminal()
    monkeypatch.setattr(tqdm.std, "time", lambda: clock.now)
    monkeypatch.setattr(progress, "time", clock.time)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(logger, "info", pytest.fail)
    steps = progress.show_progress(run(first=50, ends=(100,)), schedule_of(100), verbose=False)
    next(steps)
    clock.now = 1.0
    messages.print_to(terminal, "a line")  # draws the bar again
    steps.close()
    assert "50/100" in terminal.getvalue().partition("a line\n")[2]
    assert "0.02s/it" not in terminal.getvalue()


def test_lines_are_printed_above_the_bar(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with tqdm(total=1, file=Terminal()), tqdm(total=2, file=terminal, position=0):  # an earlier run's, and this one's
        messages.print_to(terminal, "a line")
    before, _, after = terminal.getvalue().partition("a line\n")
    assert before.endswith("\r")  # the bar is erased
    assert "0/2" in after  # and drawn again


def on_a_terminal(server, *arguments, size=(24, 100)):
    """Runs the command with standard error on a terminal: (status, standard output, what the terminal got)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    seen = []

    def read():
        with suppress(OSError):  # the other end is closed
            while part := os.read(master, 4096):
                seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    status = server.start(*FLAGS.split(), *arguments, out="out.txt", err=os.ttyname(slave)).wait()
    os.close(slave)
    reader.join()
    os.close(master)
    return status, Path("out.txt").read_text(), b"".join(seen).decode()


def test_the_command_on_a_terminal(server, folder):
    status, out, seen = on_a_terminal(server, "--iterations", "40", "--print-iterations", "20")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == ["0/40", "20/40", "40/40"]
    assert "\r" in seen
    assert re.search(r"\d+% .* \d+/40 .*(s/it|it/s), \d\d:\d\d left, total loss \d", seen)
    assert "neural_style: wrote out.png" in seen.splitlines()[-1]


@pytest.mark.parametrize("size", spot_checks([(0, 0), (24, 0), (0, 100), (24, 100)], keep=(0,)), ids=str)
def test_the_bar_on_a_terminal_of_unknown_size(server, folder, size):
    status, _, seen = on_a_terminal(server, "--iterations", "40", size=size)
    assert status == 0
    assert re.search(r"\d+% .* \d+/40 .*(s/it|it/s), \d\d:\d\d left", seen), seen


def test_a_terminal_that_cannot_redraw_gets_lines(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    clock, said = Clock(), []
    monkeypatch.setattr(logger, "info", said.append)
    monkeypatch.setattr(progress, "time", clock.time)
    monkeypatch.setattr(sys, "stderr", Terminal())
    steps = run(ends=(3,), clock=clock, durations=[20])
    assert len(list(progress.show_progress(steps, schedule_of(3), verbose=False))) == 4
    assert len(said) == 3


def test_no_control_characters_in_a_pipe(command, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    status, out, err = command("--print-iterations", 2, "--scales", 2, "--iterations", 4)
    assert status == 0
    assert all(line.startswith("Iteration") for line in out.splitlines())
    assert all(character.isprintable() or character == "\n" for character in out + err)
    line = r"scale (\d), iteration (\d) of 6, total loss [\d.e+]+, \d+\.\d\d s each, \d+ s left"
    assert re.findall(line, err) == [("1", str(number)) for number in range(1, 5)] + [("2", "5"), ("2", "6")]


def test_verbose(command):
    _, _, err = command(iterations=5)
    assert "iteration" not in err
    _, _, err = command("--verbose", iterations=5, output="b.png")
    assert len(re.findall(r"content loss .* style loss .* tv loss .* total loss", err)) == 5


def test_quiet(command):
    assert command("--quiet", "--print-iterations", 1, iterations=1)[2] == ""
    status, out, err = command("--quiet", iterations=1)
    assert (status, out) == (1, "")
    assert err.startswith("neural_style: error: out.png exists")
