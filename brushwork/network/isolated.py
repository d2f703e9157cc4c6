"""Reads the arrays in a stranger's file in a child process, which has limits and can open no other file.

SciPy and HDF5 trust their files: crafted ones make them crash, decompress without end or read other files. So the child
gets the open file as its standard input, and limits on memory, time and descriptors. It sends back names, shapes and
numbers through a pipe, of which the parent believes nothing: they are checked and bounded. Where the system knows no
such limits (Windows), the time alone is limited.
"""

import importlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

import brushwork
from brushwork.errors import NetworkError, UserError

BYTES = 1_200_000_000  # of the child's address space; the full VGG-19 of MatConvNet takes less than 800 MB
SECONDS, WAITING = 15, 60  # of the processor, and on the clock: that VGG-19 takes 4 s of the processor
RESULT_BYTES, ARRAYS, HEAD = 400_000_000, 500, 100_000  # what the parent accepts: numbers, arrays, bytes of the head
START = "import sys; sys.path[:] = sys.argv[2:]; from brushwork.network import isolated; isolated.serve(sys.argv[1])"


def read(file: BinaryIO, module: str) -> dict[str, np.ndarray]:
    """Return the arrays in an open file, float32, by name, as the function `read_arrays` of a module finds them.

    module: its full name; it is imported in the child. Its function `example` makes a small file of the kind. Raises
    NetworkError: what the function raised, or that the file is damaged if the child crashes, exceeds a limit or sends
    anything else; ImportError for a package that the child needs and does not find.
    """
    process, is_late = _start(file, module), threading.Event()

    def end():
        is_late.set()
        process.kill()

    timer = threading.Timer(WAITING, end)
    timer.start()
    try:
        result = _received(process.stdout)
        if result is not None:
            return result
        process.stdout.close()
        status = process.wait()
        if is_late.is_set() or status == -getattr(signal, "SIGXCPU", math.inf):
            raise NetworkError(f"damaged: reading it takes more than {WAITING if is_late.is_set() else SECONDS} s")
        raise NetworkError("damaged: reading it ends in a crash")
    finally:
        timer.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def _start(file, module):
    """The child, a Python that finds the same packages as this one."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(brushwork.__file__)))
    paths = [root, *(os.path.abspath(path) for path in sys.path)]
    try:
        return subprocess.Popen(
            [sys.executable or "python", "-I", "-S", "-c", START, module, *paths],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"},  # "::": HDF5 loads no plugins
            start_new_session=True,  # Ctrl-C is for the parent alone
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise NetworkError(f"the process that reads it does not start ({error.strerror})") from error


def _received(stream):
    """The arrays that the child sends, or None if it does not send what it should. Raises NetworkError."""
    try:
        if (line := stream.readline(HEAD)) != b"ready\n":
            if line:
                text, name = json.loads(line)
                raise ImportError(text, name=name)
            raise NetworkError("the process that reads it does not start")
        head = json.loads(stream.readline(HEAD))
        if "error" in head:
            raise NetworkError("".join(each if each.isprintable() else "?" for each in str(head["error"])[:500]))
        arrays = {str(name): _new_array(shape) for name, shape in head["arrays"][:ARRAYS]}
        if sum(array.nbytes for array in arrays.values()) > RESULT_BYTES:
            raise NetworkError(f"it holds more than {RESULT_BYTES / 1e6:.0f} MB of convolutions")
        for array in arrays.values():
            if stream.readinto(array.reshape(-1).view(np.uint8)) < array.nbytes:
                return None
    except (ValueError, TypeError, KeyError, AttributeError, MemoryError):
        return None
    return arrays


def _new_array(shape):
    """A new float32 array. Its memory is not used before it is filled. Raises ValueError for an impossible shape."""
    if len(shape) > 4 or not all(isinstance(each, int) and 0 <= each <= RESULT_BYTES for each in shape):
        raise ValueError(shape)
    return np.empty(shape, np.float32)


def serve(module: str) -> None:
    """The child: call `read_arrays` of a module with standard input, and write the result to standard output."""
    _limit(RLIMIT_AS=BYTES, RLIMIT_CPU=SECONDS, RLIMIT_CORE=0, RLIMIT_FSIZE=0)
    source, pipe = sys.stdin.buffer, sys.stdout.buffer
    try:
        reader = importlib.import_module(module)
    except ImportError as error:
        pipe.write(json.dumps([str(error), error.name]).encode() + b"\n")
        return
    with suppress(UserError):
        reader.read_arrays(reader.example())  # SciPy, h5py and NumPy import modules when they are first used
    _limit(RLIMIT_NOFILE=0, RLIMIT_NPROC=0)  # what is open stays open
    pipe.write(b"ready\n")
    pipe.flush()
    source.seek(0)
    try:
        arrays = {name: np.ascontiguousarray(array, np.float32) for name, array in reader.read_arrays(source).items()}
        head: dict[str, Any] = {"arrays": [(name, array.shape) for name, array in arrays.items()]}
    except MemoryError:
        arrays, head = {}, {"error": "damaged: reading it takes too much memory"}
    except UserError as error:
        arrays, head = {}, {"error": str(error)}
    except Exception as error:
        arrays, head = {}, {"error": f"damaged or truncated ({type(error).__name__})"}
    pipe.write(json.dumps(head).encode() + b"\n")
    for array in arrays.values():
        pipe.write(array.data)
    pipe.flush()
    os._exit(0)


def reason(error: Exception) -> str:
    """Why a file cannot be read, for an exception of any type: SciPy and h5py raise many on a damaged file."""
    if isinstance(error, NetworkError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return getattr(error, "strerror", None) or f"damaged or truncated ({type(error).__name__})"


def _limit(**limits):
    """Set resource limits of this process, as far as the system knows them; for good."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for name, value in limits.items():
        with suppress(AttributeError, ValueError, OSError):
            number = getattr(resource, name)
            _, hard = resource.getrlimit(number)
            # SIGKILL comes a second after SIGXCPU, which says what happened.
            wanted = value + (name == "RLIMIT_CPU")
            hard = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(number, (min(value, hard), hard))
