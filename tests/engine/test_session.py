"""The import of TensorFlow, its sessions and the choice of precision."""

import gc
import io
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine import session
from brushwork.errors import Interrupted


def test_an_import_that_fails_shows_what_was_logged(tmp_path):
    for name, last in (("quiet", ""), ("broken", "raise ImportError('no such library')")):
        (tmp_path / name / "tensorflow").mkdir(parents=True)
        text = f"import gc, os; print(gc.isenabled()); os.write(2, b'a line of C++\\n')\n{last}\n"
        (tmp_path / name / "tensorflow/__init__.py").write_text(text)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from brushwork.engine.session import import_tensorflow\n"
        "import_tensorflow(); print('imported', file=sys.stderr)\n"
        "import gc; print(gc.isenabled())"
    )
    runs = {
        name: subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True)
        for name in ("quiet", "broken")
    }
    assert (runs["quiet"].returncode, runs["quiet"].stderr) == (0, "imported\n")
    assert runs["quiet"].stdout.split() == ["False", "True"]  # no garbage is collected meanwhile
    assert runs["broken"].returncode == 1
    assert runs["broken"].stderr.startswith("a line of C++\n")
    assert runs["broken"].stderr.endswith("ImportError: no such library\n")


def test_no_directory_for_temporary_files_is_needed(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow/__init__.py").write_text(
        "import os, tempfile; tempfile.gettempdir()\nif LOGS: os.write(2, b'log')"
    )
    code = (
        "import os, sys, tempfile; sys.path.insert(0, sys.argv[1])\n"
        "tempfile._candidate_tempdir_list = lambda: ['/proc']\n"
        "import builtins; builtins.LOGS = len(sys.argv) == 2\n"
        "if not LOGS: os.close(2)\n"
        "from brushwork.engine.session import import_tensorflow\n"
        "import_tensorflow(); print(tempfile.tempdir)\n"
    )
    for closed in ([], ["closed"]):
        result = subprocess.run([sys.executable, "-c", code, tmp_path, *closed], capture_output=True, text=True)
        assert (result.returncode, result.stdout, result.stderr) == (0, "None\n", "")


@pytest.mark.parametrize("enabled", [True, False])
def test_no_garbage_is_collected_meanwhile(enabled):
    before = gc.isenabled()
    try:
        (gc.enable if enabled else gc.disable)()
        with pytest.raises(ZeroDivisionError), session.without_collection():
            assert not gc.isenabled()
            raise ZeroDivisionError
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()


def test_a_session_runs_one_operation_at_a_time_and_is_not_the_default():
    graph = tf.Graph()
    with session.open_session(graph) as opened:
        assert opened.graph is graph
        assert opened._config.inter_op_parallelism_threads == 1
        assert opened._config.intra_op_parallelism_threads == 0  # all cores
    with session.open_session(graph):
        pass
    assert tf.get_default_session() is None


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx512_bf16 amx_bf16 amx_tile", "bfloat16"), ("avx2 avx512_bf16", "float32"), (None, "float32")],
)
def test_the_faster_precision_of_a_processor(monkeypatch, flags, expected):
    def opened(path, **_):
        assert path == "/proc/cpuinfo"
        if flags is None:
            raise FileNotFoundError(path)
        return io.StringIO(f"processor : 0\nflags : {flags}\n")

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(session, "open", opened, raising=False)
    assert session.chosen_precision("auto") == expected
    assert session.chosen_precision("float32") == "float32"
    assert session.chosen_precision("bfloat16") == "bfloat16"


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float32"), (None, "float32")],
)
def test_the_faster_precision_of_a_graphics_card(monkeypatch, capability, expected):
    details = {} if capability is None else {"compute_capability": capability}
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["card"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda card: details)
    assert session.chosen_precision("auto") == expected


def test_a_run_that_is_cancelled_is_not_waited_for():
    begun, released, closed = threading.Event(), threading.Event(), []

    def run(outputs, inputs):
        begun.set()
        assert released.wait(20)
        return outputs

    cancellable = session.Cancellable(SimpleNamespace(run=run, close=lambda: closed.append(True)))
    threading.Thread(target=lambda: begun.wait(20) and cancellable.cancel()).start()
    with pytest.raises(Interrupted):
        cancellable.run("outputs", {})
    assert not cancellable.has_ended(0.01)
    cancellable.close()
    assert not closed
    released.set()
    cancellable.cancel()  # as a second signal does
    with pytest.raises(Interrupted):
        cancellable.run("more outputs", {})
    assert cancellable.has_ended(20)
    cancellable.close()
    assert closed


def test_a_run_is_what_the_session_returns_or_raises():
    with tf.Graph().as_default():
        three, wrong = tf.constant(3.0), tf.check_numerics(tf.constant(float("nan")), "wrong")
        cancellable = session.Cancellable(session.open_session(tf.get_default_graph()))
        assert cancellable.run(three) == 3
        with pytest.raises(tf.errors.InvalidArgumentError, match="wrong"):
            cancellable.run(wrong)
        cancellable.close()
