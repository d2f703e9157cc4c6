"""A worker: what its process sends, and how it ends."""

import io
import os
import signal
import sys
import threading
import time
from multiprocessing import forkserver
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from brushwork.messages import logger
from brushwork.run import worker as workers
from brushwork.video.progress import Moment
from tests.helpers.command import ROOT
from tests.watch.steps import Clock, iterations, losses_at, run, schedule_of

# Commands that stand in for neural_style.main.


def counts(argv, *, show, show_film):
    for word in argv:
        logger.info(word)
    return len(argv)


def fails(argv, *, show, show_film):
    os.dup2(os.open(argv[0], os.O_WRONLY | os.O_CREAT), 2)
    raise RuntimeError("our own mistake")


def waits_for_sigterm(argv, *, show, show_film):
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    logger.info("waiting")
    while not stopped.is_set():
        time.sleep(0.01)
    logger.warning("saved")
    return 143


def exits(argv, *, show, show_film):
    raise SystemExit(2)


def sleeps(argv, *, show, show_film):
    logger.info("asleep")
    time.sleep(600)


class Inbox(list):
    def __init__(self):
        self._changed = threading.Condition()

    def receive(self, worker, *message):
        with self._changed:
            self.append(message)
            self._changed.notify_all()

    def until(self, message):
        with self._changed:
            assert self._changed.wait_for(lambda: message in self, 60), self


@pytest.fixture
def start(monkeypatch):
    """start(command, inbox, stays=False): a Worker that carries out command lines with a function of this module."""

    def start(command, inbox, *, stays=False):
        monkeypatch.setattr(workers, "COMMAND", f"{__name__}:{command.__name__}")
        return workers.Worker(inbox.receive, stays=stays)

    return start


def test_a_command_line_is_carried_out_and_the_process_ends(start):
    inbox = Inbox()
    worker = start(counts, inbox)
    worker.carry_out(["a", "b"])
    inbox.until(("ended", 2))
    worker.wait(20)
    assert inbox == [("logged", ("info", "a")), ("logged", ("info", "b")), ("ended", 2)]
    assert not worker.is_alive


@pytest.mark.exhaustive
def test_one_that_stays_takes_the_next(start):
    inbox = Inbox()
    worker = start(counts, inbox, stays=True)
    for words in (["a"], ["b", "c"]):
        worker.carry_out(words)
        inbox.until(("ended", len(words)))
    assert worker.is_alive
    worker.stop()
    worker.wait(20)
    assert not worker.is_alive


def test_stopping_is_a_signal_so_that_the_picture_is_saved(start):
    inbox = Inbox()
    worker = start(waits_for_sigterm, inbox)
    worker.carry_out([])
    inbox.until(("logged", ("info", "waiting")))
    worker.stop()
    inbox.until(("ended", 143))
    assert inbox[1] == ("logged", ("warning", "saved"))


@pytest.mark.exhaustive
def test_a_program_that_fails_ends_the_worker(start, tmp_path):
    inbox, log = Inbox(), tmp_path / "stderr"
    worker = start(fails, inbox)
    worker.carry_out([str(log)])
    inbox.until(("ended", 1))
    worker.wait(20)
    assert "RuntimeError: our own mistake" in log.read_text()


def test_a_worker_that_is_stopped_before_it_begins_just_ends(start):
    inbox = Inbox()
    worker = start(counts, inbox)
    worker.stop()
    inbox.until(("ended", 0))
    worker.wait(20)
    assert inbox == [("ended", 0)]


def test_what_is_stopped_before_it_begins_is_not_painted(start):
    inbox = Inbox()
    worker = start(counts, inbox)
    worker.carry_out(["a"])
    worker.stop()
    inbox.until(("ended", 143))
    worker.wait(20)
    assert inbox == [("ended", 143)]


def test_a_command_that_exits_has_its_status(start):
    inbox = Inbox()
    worker = start(exits, inbox)
    worker.carry_out([])
    inbox.until(("ended", 2))
    worker.wait(20)
    assert inbox == [("ended", 2)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_one_that_does_not_end_in_time_is_killed(start):
    inbox = Inbox()
    worker = start(sleeps, inbox)
    worker.carry_out([])
    inbox.until(("logged", ("info", "asleep")))
    threading.Timer(0.05, lambda: worker.wait(0.05)).start()
    inbox.until(("ended", -signal.SIGKILL))
    assert not worker.is_alive


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no fork server")
def test_the_environment_of_the_fork_server_is_its_own(monkeypatch):
    seen = []
    monkeypatch.setenv("PYTHONPATH", "mine")
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    before = dict(os.environ)
    monkeypatch.setattr(forkserver, "ensure_running", lambda: seen.append(dict(os.environ)))
    workers._start(SimpleNamespace(start=lambda: seen.append(dict(os.environ))))
    own = {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join([str(ROOT), "mine"])}
    assert seen == [before | own, before]
    assert dict(os.environ) == before


def test_a_worker_that_cannot_start_has_ended(start, monkeypatch):
    def fail(process):
        raise EOFError

    monkeypatch.setattr(workers, "_start", fail)
    inbox = Inbox()
    worker = start(counts, inbox)
    inbox.until(("ended", 1))
    worker.wait(20)
    assert not worker.is_alive


def test_progress_is_the_share_of_the_work_and_the_time_left(monkeypatch):
    # Two iterations at cost 1, a second each, and two at cost 3, of which the first includes targets.
    clock, sent = Clock(), []
    monkeypatch.setattr(workers, "time", clock.time)
    reporter = workers._Reporter(lambda kind, progress: sent.append(progress), copies=())
    monkeypatch.setattr(reporter, "_save_copies", lambda plan, step: None)
    plan = SimpleNamespace(schedule=schedule_of(2, 4, costs=(1, 3)), pace=None)
    assert iterations(reporter.report(run(ends=(2, 4), clock=clock, durations=[9, 1, 1, 6, 3]), plan)) == [
        0,
        1,
        2,
        3,
        4,
    ]
    assert [(each.iteration, each.iterations) for each in sent] == [(number, 4) for number in range(5)]
    assert [(each.scale, each.scales, each.size) for each in sent[1:4]] == [(1, 2, (20, 15))] * 2 + [(2, 2, (40, 30))]
    assert [each.share for each in sent] == [0, 1 / 8, 2 / 8, 5 / 8, 1]
    assert [each.seconds_left for each in sent] == [None, 7, 6, 3, 0]
    assert [each.seconds_in_all for each in sent] == [None, 8, 8, 8, 8]
    assert [each.pace for each in sent] == [None, 1, 1, 1, 1]
    assert {each.final_size for each in sent} == {(40, 30)}
    assert sent[1].losses == losses_at(1)


def test_a_dry_run_sends_the_pace():
    sent = []
    reporter = workers._Reporter(lambda *message: sent.append(message), copies=("x.jpg",))
    plan = SimpleNamespace(schedule=schedule_of(60), pace=2e-6, precision="bfloat16")
    assert list(reporter.report((step for step in ()), plan)) == []
    assert sent == [("measured", workers.Measured(2e-6, "bfloat16"))]


def test_a_file_that_was_written_elsewhere_is_told():
    sent = []
    handler = workers._MessageHandler(lambda *message: sent.append(message))
    for extra in ({}, {"rescued": "/tmp/x.png"}):
        handler.emit(logger.makeRecord("brushwork", 40, "", 0, "cannot write", (), None, extra=extra))
    said = ("logged", ("error", "cannot write"))
    assert sent == [said, said, ("rescued", "/tmp/x.png")]


def test_showing_takes_a_hundredth_of_the_time(monkeypatch):
    # A picture takes half a second: the next is due 50 s after it was sent.
    clock, sent = Clock(), []
    monkeypatch.setattr(workers, "time", clock.time)
    reporter = workers._Reporter(lambda kind, progress: sent.append((progress.iteration, clock.now)), copies=())

    def thumbnail(image):
        clock.now += 0.5
        return b""

    monkeypatch.setattr(workers, "_thumbnail", thumbnail)
    monkeypatch.setattr(reporter, "_save_copies", lambda plan, step: None)
    plan = SimpleNamespace(schedule=schedule_of(60), pace=None)
    assert len(list(reporter.report(run(ends=(60,), clock=clock, durations=[1]), plan))) == 61
    assert sent == [(0, 1.5), (50, 52)]


def test_of_a_film_the_last_finished_frame_is_shown(monkeypatch, tmp_path):
    sent, clock = [], Clock()
    monkeypatch.setattr(workers, "time", clock.time)
    copy = tmp_path / "first.jpg"
    reporter = workers._Reporter(lambda kind, progress: sent.append(progress), copies=(str(copy),))
    film = SimpleNamespace(numbers=range(3), about=lambda: {})
    schedule, steps = schedule_of(1), [step(level) for level in (10, 90, 170, 250)]
    moments = [
        (0, False, steps[0]),
        (0, True, steps[1]),
        (1, False, steps[2]),
        (1, False, steps[2]),
        (1, True, steps[3]),
    ]
    for share, (index, is_finished, at) in enumerate(moments):
        clock.now += 1 if at is not moments[share - 1][2] or is_finished else 0.1  # the fourth comes too soon
        reporter.report_film(Moment(film, index, is_finished, at, schedule, share / 4, 4.0 - share, 1e-3))
    assert [(each.frames_done, each.frames, each.share) for each in sent] == [
        (0, 3, 0),
        (1, 3, 0.25),
        (1, 3, 0.5),
        (2, 3, 1),
    ]
    assert [level_of(each.picture) for each in sent] == [10, 90, 90, 250]
    assert level_of(copy.read_bytes()) == 90
    assert [each.seconds_left for each in sent] == [4, 3, 2, 0]


def step(level):
    """The last step of a frame of one level."""
    picture = np.full((8, 8, 3), level, np.float32)
    return SimpleNamespace(iteration=1, scale=0, term_losses={"total": 1.0}, picture=lambda: picture)


def level_of(data):
    """The level of a grey picture in a file."""
    return Image.open(io.BytesIO(data)).getpixel((4, 4))[0]


def test_the_picture_that_is_shown_is_small():
    shown = Image.open(io.BytesIO(workers._thumbnail(np.full((600, 2048, 3), 300, np.float32))))
    assert (shown.format, shown.size) == ("JPEG", (1024, 300))
