"""TensorFlow: its import, its sessions, and the precision that is fastest on this machine."""

import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from brushwork import messages
from brushwork.engine import limits
from brushwork.errors import Interrupted

if TYPE_CHECKING:
    import tensorflow.compat.v1 as tf


@contextmanager
def without_collection() -> Iterator[None]:
    """Pause Python's garbage collector.

    Importing TensorFlow and building a graph make hundreds of thousands of objects, none of them garbage; searching
    them takes a quarter of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def import_tensorflow() -> None:
    """Import TensorFlow, and discard the lines that it logs while it loads. They are shown if the import fails.

    Raises DoesNotFit if the address space is limited to less than TensorFlow takes.
    """
    limits.check_address_space()
    if "tensorflow" in sys.modules:
        return
    messages.flush()
    try:
        terminal = os.dup(2)
    except OSError:  # standard error is closed
        _import_tensorflow()
        return
    with _log_file() as log:
        os.dup2(log.fileno(), 2)  # C++ writes to the file descriptor, and does so before it reads its log level
        try:
            _import_tensorflow()
        except Exception:
            log.seek(0)
            with suppress(OSError):
                os.write(terminal, log.read())
            raise
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)


def _import_tensorflow():
    with without_collection(), _temporary_directory():
        import tensorflow  # noqa: F401


@contextmanager
def _temporary_directory():
    """Let `tempfile` have a directory, for which a module asks that TensorFlow imports, even if none can be used."""
    before = tempfile.tempdir
    try:
        tempfile.gettempdir()
    except OSError:
        tempfile.tempdir = os.curdir
    try:
        yield
    finally:
        tempfile.tempdir = before


def _log_file():
    """A file that is open for writing and reading, in memory if possible: no directory for files may be writable."""
    if hasattr(os, "memfd_create"):
        with suppress(OSError):
            return open(os.memfd_create("log"), "w+b", buffering=0)
    with suppress(OSError):
        return tempfile.TemporaryFile(buffering=0)
    return open(os.devnull, "w+b", buffering=0)


def open_session(graph: "tf.Graph", config: bytes | None = None) -> "tf.Session":
    """A session on `graph`, which the caller closes. It does not become the default session.

    config: a tf.ConfigProto, serialised; None: `options`.
    """
    import tensorflow.compat.v1 as tf

    return tf.Session(graph=graph, config=options() if config is None else tf.ConfigProto.FromString(config))


def serialised_options(threads: int = 0) -> bytes:
    """The `options`, serialised, for sessions that compute on so many threads; 0: one for each core.

    In a process that has sessions with different numbers of threads, they have them only if
    TF_OVERRIDE_GLOBAL_THREADPOOL is set before the first one.
    """
    config = options()
    config.intra_op_parallelism_threads = threads
    return config.SerializeToString()


def options() -> "tf.ConfigProto":
    """The options of sessions.

    They run one operation at a time, each on all cores: two at once, the default, are 2 to 6 % slower. TensorFlow
    rewrites a graph once before its first run: a second pass, the default, takes up to a second and gains nothing.
    """
    import tensorflow.compat.v1 as tf
    from tensorflow.core.protobuf.rewriter_config_pb2 import RewriterConfig

    config = tf.ConfigProto(inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.meta_optimizer_iterations = RewriterConfig.ONE
    return config


class Cancellable:
    """A session whose run can be abandoned.

    TensorFlow cannot end a run of a session, which may take a minute. So it runs in a thread of its own, and `cancel`
    ends the waiting for it.
    """

    def __init__(self, session: "tf.Session"):
        self._session, self._run, self.cancelled = session, None, futures.Future()
        self._thread = futures.ThreadPoolExecutor(1)

    def run(self, fetches: Any, feeds: dict | None = None, **options: Any) -> Any:
        """What session.run returns. Raises Interrupted after `cancel`."""
        if not self.cancelled.done():
            self._run = self._thread.submit(self._session.run, fetches, feeds, **options)
            futures.wait([self._run, self.cancelled], return_when=futures.FIRST_COMPLETED)
        if self.cancelled.done():
            raise Interrupted
        return self._run.result()

    def cancel(self) -> None:
        """Make `run` raise Interrupted, now and whenever it is called. To be called in another thread."""
        if not self.cancelled.done():
            self.cancelled.set_result(None)

    def has_ended(self, seconds: float = 0) -> bool:
        """Wait for `seconds` at most; whether nothing runs then. While it runs, only os._exit ends Python."""
        return self._run is None or bool(futures.wait([self._run], seconds).done)

    def close(self) -> None:
        """Close the session, unless it is running, as closing it would wait for the end of the run."""
        if self.has_ended():
            self._thread.shutdown()
            self._session.close()


def chosen_precision(precision: str) -> str:
    """The precision of the network, "float32" or "bfloat16", for a value of Settings.precision.

    "auto" is bfloat16 where that is faster.

    That takes matrix units: AMX, or an NVIDIA GPU from Ampere on. AVX512-BF16 is not enough: on a Xeon with AMX
    switched off, an evaluation in bfloat16 took 1.8 times as long as in float32 (tools/measure/speed.py).
    """
    import tensorflow.compat.v1 as tf

    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "bfloat16" if capability >= (8, 0) else "float32"
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            return "bfloat16" if "amx_bf16" in file.read() else "float32"
    except OSError:  # not Linux: TensorFlow uses no such units there
        return "float32"
