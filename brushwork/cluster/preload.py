"""Makes a worker ignore Ctrl-C, when Dask loads it there: who started the worker ends it."""

import signal


def dask_setup(worker: object) -> None:
    """Called by Dask as the worker starts, in the main thread."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
