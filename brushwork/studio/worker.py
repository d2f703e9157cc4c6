"""A worker: a process of its own that carries out command lines of the program, and sends what happens to the server.

    worker = Worker(program, receive)  # starts the process
    worker.paint([...])                # a command line; when it has ended: receive(worker, "ended", status)
    worker.stop()                      # what is being painted is saved at once

Messages: ("said", sentence), ("shown", Progress), ("ended", exit status); after the last one the process is gone, or
waits for the next command line if it `stays`.
"""

import io
import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
import time
from contextlib import closing, suppress
from typing import NamedTuple

from PIL import Image

from brushwork.errors import COULD_NOT, PictureError
from brushwork.messages import logger
from brushwork.pictures import metadata, write
from brushwork.schedule import Pace

PREVIEW = 1024  # px: the longer side of the picture that is shown while it is painted
SHARE = 0.01  # of the time of a run that may go into showing it
DEPTHS = {".jpg": 8, ".tif": 16}  # bits of a channel in the copies of a picture
# TensorFlow takes seconds to import. On Linux one process does, and all workers are forked from it; elsewhere a process
# that has loaded the system's libraries cannot be forked safely.
PROCESSES = multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")
if sys.platform == "linux":
    PROCESSES.set_forkserver_preload(["brushwork.studio.preload"])
GATE = threading.Lock()  # of the environment, which the first worker's process is started with


class Progress(NamedTuple):
    """Where an optimisation stands after a step."""

    iteration: int
    iterations: int
    scale: int  # the first is 1
    scales: int
    size: tuple[int, int]  # width and height at this scale
    losses: dict[str, float]
    share: float  # of the work that is done, 0..1
    seconds_left: float | None
    picture: bytes  # a JPEG file, at most PREVIEW px long


class Worker:
    """The process, as seen from the server. `receive` is called in a thread."""

    def __init__(self, program, receive, *, stays=False):
        """program(argv, watch=) -> exit status: neural_style.main; it has to be a function of a module."""
        self._connection, other = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_work, args=(program, other, stays), daemon=True)
        self._receive, self._stays = receive, stays
        self._started, self._gone = threading.Event(), threading.Event()
        threading.Thread(target=self._listen, args=(other,), daemon=True).start()

    @property
    def is_alive(self):
        return not self._gone.is_set()

    def paint(self, argv, copies=()):
        """Carry out a command line. copies: paths where the picture of an optimisation is written too; see DEPTHS."""
        self._send((argv, copies))

    def stop(self):
        """Save what is being painted, and end; without a picture, just end."""
        self._send(None)

    def wait(self, seconds):
        """Wait until the process has ended; after so many seconds it is killed. One that has not started will end."""
        if self._started.is_set() and not self._gone.wait(seconds):
            self._process.kill()
            self._gone.wait()

    def _send(self, message):
        with suppress(OSError):  # the process has just ended, and _listen notices
            self._connection.send(message)

    def _listen(self, other):
        try:
            _start(self._process)  # here, as the first one waits for the import
        except (EOFError, OSError):  # the process that imports TensorFlow has died, and has said why
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
        self._process.join()  # in this thread alone
        self._gone.set()
        if self._stays or not ended:
            self._receive(self, "ended", self._process.exitcode)


def _start(process):
    """Start a worker. The process that it is forked from is to find this program, and no other in its directory."""
    if PROCESSES.get_start_method() == "forkserver":
        from multiprocessing import forkserver

        root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        changes = {"PYTHONSAFEPATH": "1"}
        if not os.path.basename(root).endswith("-packages"):  # it is not installed
            changes["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        with GATE:
            before = {name: os.environ.get(name) for name in changes}
            os.environ.update(changes)
            try:
                forkserver.ensure_running()
            finally:
                for name in changes:
                    del os.environ[name]
                os.environ.update({name: value for name, value in before.items() if value is not None})
    process.start()


def _work(program, connection, stays):
    """The main function of the process."""
    with suppress(AttributeError, OSError):
        os.setsid()  # Ctrl-C in the terminal is for the server, which then stops the workers
    inbox, gate, stop = queue.SimpleQueue(), threading.Lock(), _Stop()
    threading.Thread(target=_obey, args=(connection, inbox, stop), daemon=True).start()

    def send(kind, what):
        with gate, suppress(OSError):
            connection.send((kind, what))

    from brushwork.engine.session import import_tensorflow

    import_tensorflow()
    logger.addHandler(_Handler(send))
    logger.setLevel("INFO")
    while (task := inbox.get()) is not None:
        argv, copies = task
        stop.begin()
        try:
            status = program(argv, watch=_Window(send, copies).show)
        except BaseException:
            send("ended", COULD_NOT)
            raise
        stop.end()
        send("ended", status)
        if not stays:
            return


class _Handler(logging.Handler):
    """Sends messages to the server."""

    def __init__(self, send):
        super().__init__()
        self._send = send

    def emit(self, record):
        level = "error: " if record.levelno >= logging.ERROR else ""
        self._send("said", f"{level}{record.getMessage()}")


def _obey(connection, inbox, stop):
    """Pass on the command lines that the server sends; None, or that it is gone, ends what is being painted."""
    tasks = []
    while None not in tasks:
        tasks = []
        try:
            tasks.append(connection.recv())
            while connection.poll():  # what is to be stopped before it begins must not begin
                tasks.append(connection.recv())
        except (EOFError, OSError):
            tasks.append(None)
        if None in tasks:
            stop.ask()
        for task in tasks:
            inbox.put(task)


class _Stop:
    """Ends what is being painted as a signal from a terminal does; what has not begun does not begin."""

    def __init__(self):
        self._lock, self._asked, self._busy = threading.Lock(), False, False

    def begin(self):
        with self._lock:
            if self._asked:
                sys.exit(128 + signal.SIGTERM)
            self._busy = True

    def end(self):
        with self._lock:
            self._busy = False

    def ask(self):
        with self._lock:
            self._asked = True
            if self._busy:
                signal.raise_signal(signal.SIGTERM)


class _Window:
    """Shows the steps of a run to the server, in at most SHARE of the run's time."""

    def __init__(self, send, copies):
        self._send, self._copies = send, copies
        self._next = 0.0  # when the next picture is due, by time.monotonic

    def show(self, steps, plan):
        """Passes the steps of a plan on; when they end, however that is, the copies of the last picture are written."""
        last, schedule, pace = None, plan.schedule, Pace(plan.schedule, time.monotonic())
        try:
            with closing(steps):
                for step in steps:
                    last, scale = step, schedule.scales[step.scale]
                    pace.show(step.iteration, step.scale, time.monotonic())
                    where = step.iteration, schedule.iterations, step.scale + 1, len(schedule.scales)
                    size, share = (scale.width, scale.height), schedule.share_done(step.iteration, step.scale)
                    self._show(Progress(*where, size, step.term_losses, share, pace.seconds_left, b""), step)
                    yield step
        finally:
            if last:
                self._save(plan, last)

    def _show(self, progress, step):
        """Send the picture of a step, unless the last one was sent too short a time ago."""
        began = time.monotonic()
        if began < self._next:
            return
        picture = Image.fromarray(write.quantize(step.picture()))
        picture.thumbnail((PREVIEW, PREVIEW))
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=90)
        self._send("shown", progress._replace(picture=file.getvalue()))
        now = time.monotonic()
        self._next = now + (now - began) / SHARE

    def _save(self, plan, step):
        """Write the copies of the picture that the command is about to write."""
        about = metadata.about(plan.settings, plan.network.digest, step)
        for path in self._copies:
            try:
                write.save(path, step.picture(), metadata=about, depth=DEPTHS[os.path.splitext(path)[1]])
            except PictureError as error:
                logger.error(str(error))
