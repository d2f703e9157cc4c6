"""What the system lets the program use: memory, groups of both versions, and the limits of a shell."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from brushwork.engine import limits, session
from brushwork.errors import DoesNotFit
from tests.helpers.command import ROOT

OWN = 100_000_000
FILES = {1: ("limit_in_bytes", "usage_in_bytes", "total_inactive_file"), 2: ("max", "current", "inactive_file")}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine with 8 GB of free memory and no limits, whose groups the test writes."""
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=OWN))
    free = SimpleNamespace(available=8_000_000_000)
    monkeypatch.setattr(limits, "psutil", SimpleNamespace(Process=lambda: process, virtual_memory=lambda: free))
    monkeypatch.setattr(limits, "CGROUP", tmp_path)
    monkeypatch.setattr(limits, "OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(limits, "_shell_limits", lambda: iter(()))
    return tmp_path


def group(directory, version, most, used=500_000_000, cache=200_000_000):
    directory.mkdir(parents=True, exist_ok=True)
    limit, usage, key = FILES[version]
    (directory / f"memory.{limit}").write_text(f"{most}\n")
    (directory / f"memory.{usage}").write_text(f"{used}\n")
    (directory / "memory.stat").write_text(f"anon 1\nsome_inactive_file 7\n{key} {cache}\nx 3\n")


@pytest.mark.parametrize(
    ("own", "groups", "left"),
    [
        ("0::/\n", [], None),
        ("0::/\n", [("", 2, "max")], None),
        ("0::/\n", [("", 2, 3_000_000_000)], 2_700_000_000),
        ("0::/a/b\n", [("", 2, "max"), ("a", 2, 2_000_000_000), ("a/b", 2, 5_000_000_000)], 1_700_000_000),
        ("0::/a/b\n", [("a/b", 2, 1_500_000_000), ("a", 2, "max")], 1_200_000_000),
        ("0::/of/the/host\n", [("", 2, 3_000_000_000)], 2_700_000_000),  # a container sees its own group as the top
        ("0::/c\n3:cpu:/\n", [("unified/c", 2, 1_000_000_000)], 700_000_000),
        ("4:memory:/d/e\n0::/\n", [("memory/d/e", 1, 2**63 - 4096), ("memory/d", 1, 900_000_000)], 600_000_000),
        ("4:cpu,memory:/of/host\n", [("memory", 1, 900_000_000)], 600_000_000),
        ("4:cpu:/d\n", [("memory/d", 1, 900_000_000)], None),
    ],
)
def test_the_smallest_of_nested_groups_counts(machine, own, groups, left):
    (machine / "own").write_text(own)
    for path, version, most in groups:
        group(machine / path, version, most)
    assert limits.available() == OWN + (8_000_000_000 if left is None else left)
    assert limits.reason() == ("are free" if left is None else "are left in the container (its cgroup)")


def test_damaged_and_missing_groups_are_no_limit(machine):
    assert limits.available() == OWN + 8_000_000_000
    (machine / "own").write_text("0::/a\n")
    group(machine / "a", 2, 1_000_000_000)
    (machine / "a" / "memory.stat").write_text("")
    assert limits.available() == OWN + 8_000_000_000


def limited(megabytes, code, kind="RLIMIT_AS"):
    """What a Python prints that has a limit, in bytes, set before the code."""
    start = (
        f"import resource; resource.setrlimit(resource.{kind}, ({megabytes} * 10**6,) * 2); from brushwork import *\n"
    )
    run = [sys.executable, "-c", start + code]
    result = subprocess.run(run, capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)})
    return result.stdout.strip() or result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limits of Linux")
def test_the_limits_of_a_shell_count():
    code = "from brushwork.engine import limits; print(limits.available(), limits.reason())"
    cores = limits.os.cpu_count()
    assert limited(5000, code) == f"{5e9 - 1.65e9 - cores * 72e6} of 5.0 are left by ulimit -v"
    assert limited(4000, code, "RLIMIT_DATA") == f"{4e9 - 72e6} of 4.0 are left by ulimit -d"


@pytest.mark.skipif(sys.platform != "linux", reason="needs the limits of Linux")
def test_tensorflow_is_not_loaded_where_it_would_crash():
    code = "from brushwork.engine import session\ntry: session.import_tensorflow()\nexcept Exception as e: print(e)"
    assert limited(1500, code).startswith("TensorFlow takes 0.7 GB of memory and 0.0 GB of 1.5 are left by ulimit -v")


def test_tensorflow_is_loaded_where_it_fits(monkeypatch):
    monkeypatch.setattr(limits, "_shell_limits", lambda: iter([(limits.PROCESS, "are left by ulimit -v")]))
    session.import_tensorflow()
    monkeypatch.setattr(limits, "_shell_limits", lambda: iter([(limits.PROCESS - 1, "are left by ulimit -v")]))
    with pytest.raises(DoesNotFit, match="raise that limit"):
        session.import_tensorflow()
