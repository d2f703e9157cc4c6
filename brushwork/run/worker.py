"""A worker: a process that carries out command lines of the program and sends messages about what happens.

    worker = Worker(receive)     # starts the process
    worker.carry_out([...])      # a command line; when it has ended: receive(worker, "ended", status)
    worker.stop()                # what has been computed so far is saved, and the process ends

Messages: ("logged", (level, text)), ("progress", Progress), ("rescued", path) for a file that could not be written to
its own place, ("measured", Measured) by a dry run, ("ended", exit status). After the last one the process ends, or
waits for the next command line if it `stays`.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import pkgutil
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

from PIL import Image

from brushwork.errors import COULD_NOT, PictureError
from brushwork.messages import logger
from brushwork.pictures import metadata, write
from brushwork.schedule import Pace

COMMAND = "neural_style:main"  # command(argv, show=..., show_film=...) -> exit status; imported in the process
THUMBNAIL_SIDE = 1024  # px: the longer side of the picture in a Progress
SHOWING_SHARE = 0.01  # of the time of a run that may be spent on showing it
FILM_SECONDS = 0.5  # between two messages about a film, at least: most have the same picture
DEPTHS = {".jpg": 8, ".tif": 16}  # bits of a channel in the copies of a picture
# Importing TensorFlow takes seconds. On Linux one process does it, and all workers are forked from it; elsewhere a
# process that has loaded the system's libraries cannot be forked safely.
PROCESSES = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    PROCESSES.set_forkserver_preload(["brushwork.run.preload"])
_environment_lock = threading.Lock()  # the environment is changed while the fork server starts


class Progress(NamedTuple):
    """Where an optimisation stands after a step."""

    iteration: int
    iterations: int
    scale: int  # the first is 1
    scales: int
    size: tuple[int, int]  # width and height at this scale
    losses: dict[str, float]  # of the terms, and their total
    share: float  # of the work that is done, 0..1
    seconds_left: float | None
    picture: bytes  # a JPEG file, at most THUMBNAIL_SIDE px long
    final_size: tuple[int, int]  # width and height of the result
    seconds_in_all: float | None
    pace: float | None  # seconds of an iteration divided by the cost of an evaluation; of a film: of all that it takes
    frames: int = 0  # of a film, whose present frame the first fields are about; 0: of a picture
    frames_done: int = 0  # the picture is the last one of these


class Measured(NamedTuple):
    """What a dry run measured."""

    pace: float  # seconds of an evaluation divided by its cost
    precision: str


class Worker:
    """The process, as seen from the one that started it."""

    def __init__(self, receive: Callable[..., None], *, stays: bool = False):
        """receive(worker, kind, content): called in a thread with each message."""
        self._connection, other = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_work, args=(COMMAND, other, stays), daemon=True)
        self._receive, self._stays = receive, stays
        self._started, self._gone = threading.Event(), threading.Event()
        threading.Thread(target=self._listen, args=(other,), daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether the process has not ended. It may not have started yet."""
        return not self._gone.is_set()

    def carry_out(self, argv: Sequence[str], copies: Sequence[str] = ()) -> None:
        """Carry out a command line. copies: further paths for the picture of an optimisation, or for the first frame of
        a film; see DEPTHS.
        """
        self._send((list(argv), list(copies)))

    def stop(self) -> None:
        """Save the picture that is being made, if there is one, and end the process."""
        self._send(None)

    def wait(self, seconds: float) -> None:
        """Wait until the process has ended, and kill it after so many seconds. One that has not started will end."""
        if self._started.is_set() and not self._gone.wait(seconds):
            self._process.kill()
            self._gone.wait()

    def _send(self, message):
        with suppress(OSError):  # the process has just ended, which _listen notices
            self._connection.send(message)

    def _listen(self, other):
        try:
            _start(self._process)  # in this thread, as the first process waits for the import of TensorFlow
        except (EOFError, OSError):  # the fork server has died, and has written why to standard error
            self._gone.set()
            self._receive(self, "ended", COULD_NOT)
            return
        finally:
            other.close()
        self._started.set()
        ended = False
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                break
            ended = message[0] == "ended"
            self._receive(self, *message)
        self._process.join()  # only this thread may
        self._gone.set()
        if self._stays or not ended:
            self._receive(self, "ended", self._process.exitcode)


def _start(process):
    """Start a process. The fork server must import this program, and no other of its name in the current directory."""
    if PROCESSES.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        changes = {"PYTHONSAFEPATH": "1"}
        if not os.path.basename(root).endswith("-packages"):  # the program is not installed
            changes["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with _environment_lock:
            before = {name: os.environ.get(name) for name in changes}
            os.environ.update(changes)
            try:
                forkserver.ensure_running()
            finally:
                for name in changes:
                    del os.environ[name]
                os.environ.update({name: value for name, value in before.items() if value is not None})
    process.start()


def _work(command, connection, stays):
    """The main function of the process. command: see COMMAND."""
    with suppress(AttributeError, OSError):
        os.setsid()  # Ctrl-C in the terminal is for the process that started this one, which then stops it
    inbox, send_lock, stop = queue.SimpleQueue(), threading.Lock(), _Stop()
    threading.Thread(target=_obey, args=(connection, inbox, stop), daemon=True).start()

    def send(kind, content):
        with send_lock, suppress(OSError):
            connection.send((kind, content))

    from brushwork.engine.session import import_tensorflow

    import_tensorflow()
    logger.addHandler(_MessageHandler(send))
    logger.setLevel(logging.INFO)
    main = pkgutil.resolve_name(command)
    while (task := inbox.get()) is not None:
        argv, copies = task
        stop.begin()
        try:
            reporter = _Reporter(send, copies)
            status = main(argv, show=reporter.report, show_film=reporter.report_film)
        except SystemExit as error:  # as --help does
            status = error.code
        except BaseException:
            send("ended", COULD_NOT)
            raise
        stop.end()
        send("ended", status)
        if not stays:
            return


def _obey(connection, inbox, stop):
    """Pass the command lines that arrive on; None, or the end of the connection, stops the one that is carried out."""
    tasks = []
    while None not in tasks:
        tasks = []
        try:
            tasks.append(connection.recv())
            while connection.poll():  # a command line that is stopped before it begins must not begin
                tasks.append(connection.recv())
        except (EOFError, OSError):
            tasks.append(None)
        if None in tasks:
            stop.request()
        for task in tasks:
            inbox.put(task)


class _MessageHandler(logging.Handler):
    """Sends what is logged."""

    def __init__(self, send):
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        self._send("logged", (record.levelname.lower(), record.getMessage()))
        if hasattr(record, "rescued"):
            self._send("rescued", record.rescued)


class _Stop:
    """Stops a command line as SIGTERM does, or before it begins."""

    def __init__(self):
        self._lock, self._requested, self._busy = threading.Lock(), False, False

    def begin(self):
        with self._lock:
            if self._requested:
                sys.exit(128 + signal.SIGTERM)
            self._busy = True

    def end(self):
        with self._lock:
            self._busy = False

    def request(self):
        with self._lock:
            self._requested = True
            if self._busy:
                signal.raise_signal(signal.SIGTERM)


class _Reporter:
    """Sends the progress of a run, in at most SHOWING_SHARE of its time."""

    def __init__(self, send, copies):
        self._send, self._copies = send, copies
        self._next = 0.0  # when the next picture is due, by time.monotonic
        self._frame, self._thumbnail, self._frames_done = None, None, 0  # of a film: its last finished step

    def report(self, steps, plan):
        """Passes the steps of a plan on; when they end, however that is, the copies of the last picture are written."""
        last, schedule, pace = None, plan.schedule, Pace(plan.schedule, time.monotonic())
        if plan.pace is not None:
            self._send("measured", Measured(plan.pace, plan.precision))
        try:
            with closing(steps):
                for step in steps:
                    last, now = step, time.monotonic()
                    pace.record(step.iteration, step.scale, now)
                    if now >= self._next:
                        self._send_progress(step, schedule, pace)
                    yield step
        finally:
            if last:
                self._save_copies(plan, last)

    def report_film(self, moment):
        """Sends where a film stands, with its last finished frame; before there is one, with the steps of the first.

        moment: a video.progress.Moment. Instant films are not reported.
        """
        if moment.schedule is None:
            return
        if moment.is_finished:
            self._frame, self._thumbnail, self._frames_done = moment.step, None, moment.index + 1
            if moment.index == 0:
                self._write_copies(moment.film.about(), moment.step)
        if time.monotonic() >= self._next:
            self._send_in_time(lambda: self._progress_of_film(moment), least=FILM_SECONDS)

    def _progress_of_film(self, moment):
        if self._frame is not None and self._thumbnail is None:
            self._thumbnail = _thumbnail(self._frame.picture())
        picture = self._thumbnail or _thumbnail(moment.step.picture())
        return _progress(moment.step, moment.schedule, picture)._replace(
            share=moment.share,
            seconds_left=moment.seconds_left,
            pace=moment.pace,
            frames=len(moment.film.numbers),
            frames_done=max(self._frames_done, moment.index),
        )

    def _send_progress(self, step, schedule, pace):
        def progress():
            times = {"seconds_left": pace.seconds_left, "seconds_in_all": pace.seconds_in_all}
            picture = _thumbnail(step.picture())
            return _progress(step, schedule, picture)._replace(**times, pace=pace.seconds_per_cost)

        self._send_in_time(progress)

    def _send_in_time(self, make, least=0.0):
        """Send the Progress that make() returns. The next one is due later, but not before `least` seconds."""
        began = time.monotonic()
        self._send("progress", make())
        now = time.monotonic()
        self._next = now + max(least, (now - began) / SHOWING_SHARE)

    def _save_copies(self, plan, step):
        """Write copies of the picture that the command is about to write."""
        self._write_copies(metadata.about(plan.settings, plan.network.digest, step), step)

    def _write_copies(self, about, step):
        for path in self._copies:
            try:
                write.save(path, step.picture(), metadata=about, depth=DEPTHS[os.path.splitext(path)[1]])
            except PictureError as error:
                logger.error(str(error))


def _progress(step, schedule, picture):
    """The Progress of a step, without times. picture: a JPEG file."""
    scale, last = schedule.scales[step.scale], schedule.scales[-1]
    return Progress(
        iteration=step.iteration,
        iterations=schedule.iterations,
        scale=step.scale + 1,
        scales=len(schedule.scales),
        size=(scale.width, scale.height),
        losses=step.term_losses,
        share=schedule.share_done(step.iteration, step.scale),
        seconds_left=None,
        picture=picture,
        final_size=(last.width, last.height),
        seconds_in_all=None,
        pace=None,
    )


def _thumbnail(image: Any) -> bytes:
    """An image [H, W, 3], RGB, 0..255, as a JPEG file of at most THUMBNAIL_SIDE px."""
    picture = Image.fromarray(write.quantize(image))
    picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()
