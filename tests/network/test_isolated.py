"""Files of strangers are read in a child process, which can do no harm whatever the reader does."""

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import vgg
from brushwork.errors import NetworkError
from brushwork.network import isolated
from brushwork.preview import weights
from tests.helpers import tiny_networks
from tests.helpers.tiers import spot_checks

ARRAYS = {"conv1_1.kernel": np.arange(54.0).reshape(3, 3, 3, 2), "mean_pixel": np.array([1, 2, 3], np.float64)}
# A module for the child: `read_arrays` as the test wants it.
READER = """
import io, json, os, signal, sys, time
import numpy as np
from brushwork.errors import NetworkError

def example():
    return io.BytesIO()

def read_arrays(file):
    if isinstance(file, io.BytesIO):
        return {{}}
    {body}
"""


def read(tmp_path, monkeypatch, body, data=b"data"):
    """What the parent makes of a child that reads with this body of `read_arrays`."""
    (tmp_path / "crafted_reader.py").write_text(READER.format(body=body))
    (tmp_path / "file").write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    with open(tmp_path / "file", "rb") as file:
        file.read(2)  # the child begins at the beginning
        return isolated.read(file, "crafted_reader")


def test_arrays_come_back_in_float32(tmp_path, monkeypatch):
    body = "return {'all': np.frombuffer(file.read(), np.uint8), 'none': np.zeros((0, 2)), 'one': np.array(7)}"
    arrays = read(tmp_path, monkeypatch, body, bytes([1, 2, 250]))
    assert {name: (array.dtype.name, array.tolist()) for name, array in arrays.items()} == {
        "all": ("float32", [1, 2, 250]),
        "none": ("float32", []),
        "one": ("float32", [7]),
    }


HARM = {  # what the reader does -> a part of the sentence
    "os.kill(os.getpid(), signal.SIGSEGV)": "damaged: reading it ends in a crash",
    "os._exit(0)": "damaged: reading it ends in a crash",
    "np.zeros(10**9)": "damaged: reading it takes too much memory",
    "raise NetworkError('a\\x1b]0;title')": "^a.]0;title$",
    "raise KeyError('x')": r"damaged or truncated \(KeyError\)",
    "open('/dev/null')": r"damaged or truncated \(OSError\)",  # too many open files
    "os.pipe()": r"damaged or truncated \(OSError\)",
    "return {'a': np.zeros(101_000_000, np.float16)}": "more than 400 MB",
    "return {'a': np.array(['b'])}": "damaged or truncated",
    # A child that the file has taken over may send anything.
    "os.write(1, b'no json\\n'); os._exit(0)": "damaged",
    "os.write(1, b'[]\\n'); os._exit(0)": "damaged",
    'os.write(1, b\'{"arrays": [["a", [-1]]]}\\n\'); os._exit(0)': "damaged",
    'os.write(1, b\'{"arrays": [["a", [100000, 100000]]]}\\n\'); os._exit(0)': "damaged",
    'os.write(1, b\'{"arrays": [["a", [4]]]}\\n1234\'); os._exit(0)': "damaged",
    "os.write(1, b'x' * 200_000); os._exit(0)": "damaged",
}


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
@pytest.mark.parametrize("body", spot_checks(HARM, keep=(0, 2, 4, 6, 10)))
def test_whatever_the_child_does_is_one_sentence(tmp_path, monkeypatch, body):
    with pytest.raises(NetworkError) as refusal:
        read(tmp_path, monkeypatch, body)
    refusal.match(HARM[body])
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "case", spot_checks([("while True: pass", "SECONDS"), ("time.sleep(60)", "WAITING")], keep=(0,))
)
def test_time_is_limited(tmp_path, monkeypatch, case):
    body, limit = case
    monkeypatch.setattr(isolated, limit, 1)
    monkeypatch.setattr(
        isolated, "START", isolated.START.replace("isolated.serve", "isolated.SECONDS = 1; isolated.serve")
    )
    start = time.monotonic()
    with pytest.raises(NetworkError, match="damaged: reading it takes more than 1 s"):
        read(tmp_path, monkeypatch, body)
    assert time.monotonic() - start < 20


def test_a_child_that_cannot_start_is_named(tmp_path, monkeypatch):
    with pytest.raises(NetworkError, match="the process that reads it does not start"):
        read(tmp_path, monkeypatch, "return {}\nraise OSError")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nowhere"))
    with pytest.raises(NetworkError, match=r"does not start \(No such file or directory\)"):
        read(tmp_path, monkeypatch, "return {}")


def test_a_package_that_the_child_lacks_is_named(tmp_path, monkeypatch):
    (tmp_path / "crafted_reader.py").write_text("import absent_package")
    monkeypatch.syspath_prepend(str(tmp_path))
    with open(__file__, "rb") as file, pytest.raises(ImportError, match="absent_package") as refusal:
        isolated.read(file, "crafted_reader")
    assert refusal.value.name == "absent_package"


def test_ctrl_c_is_for_the_parent_and_ends_the_child(tmp_path, monkeypatch):
    timer = isolated.threading.Timer(0.4, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    started, start = [], time.monotonic()
    popen = isolated.subprocess.Popen
    monkeypatch.setattr(isolated.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            read(tmp_path, monkeypatch, "time.sleep(60)")
    finally:
        signal.signal(signal.SIGINT, before)
    assert started[0].returncode is not None
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("kind", ["matlab", "keras"])
def test_sound_networks_are_read_in_a_child_and_trusted_ones_here(tmp_path, monkeypatch, tiny, kind):
    {"matlab": tiny_networks.write_matconvnet, "keras": tiny_networks.write_keras}[kind](tmp_path / "net", tiny)
    modules, read = [], isolated.read
    monkeypatch.setattr(isolated, "read", lambda file, module: modules.append(module) or read(file, module))
    tiny_networks.assert_same(vgg.load(tmp_path / "net"), tiny)
    assert modules == [{"matlab": "brushwork.network.matlab", "keras": "brushwork.network.hdf5"}[kind]]
    vgg.load("pocket")
    assert len(modules) == 1


def test_weights_of_previews_are_read_in_a_child_unless_included(tmp_path, monkeypatch):
    included = weights.load()
    (tmp_path / "copy.npz").write_bytes(Path(weights.FILE).read_bytes())
    assert weights.load(str(tmp_path / "copy.npz")).digest == included.digest
    monkeypatch.setattr(isolated, "read", lambda file, module: {})
    with pytest.raises(NetworkError, match="copy.npz"):
        weights.load(str(tmp_path / "copy.npz"))
    assert weights.load().digest == included.digest
