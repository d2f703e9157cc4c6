"""Imports TensorFlow when it is imported itself: for the process from which workers are forked."""

import os
from contextlib import suppress

from brushwork.engine.session import import_tensorflow

with suppress(OSError):
    os.setsid()  # Ctrl-C in the terminal must not reach this process, which ends when the server does
import_tensorflow()
