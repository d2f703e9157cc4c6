"""Damaged files, through the command and in a process of their own: one sentence, and neither time nor memory."""

import os
import re
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import damage
from tools import fuzz


def arguments(reader, path):
    """The flags that make the command read a file with a reader."""
    return {
        "picture": ("--content", path, "--network", "net.mat"),
        "network": ("--content", "content.png", "--network", path),
        "state": ("--resume", path),
    }[reader]


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.exhaustive)])
def test_damaged_files_through_the_command(command, tmp_path, count):
    random, seeds = np.random.default_rng(11), damage.seeds(tmp_path)
    statuses = set()
    for number in range(count):
        reader, name, data = seeds[number % len(seeds)]
        Path(name).write_bytes(damage.damaged(random, data, seeds[random.integers(len(seeds))][2]))
        start = time.monotonic()
        # The output's directory is a file, so no run begins, and all mistakes are reported.
        flags = (*arguments(reader, name), "--styles", "style.png", "--output", "style.png/out.png")
        status, out, err = command(*flags, defaults=False)
        assert time.monotonic() - start < damage.SECONDS, (number, name)
        assert out == "", (number, name)
        assert err, (number, name)
        assert all(re.match(r"neural_style: error: .", line) for line in err.splitlines()), (number, name, err)
        statuses.add(status)
    assert statuses <= {1, 2}


@pytest.mark.exhaustive
def test_every_reader_in_a_process_of_its_own(tmp_path):
    random, seeds = np.random.default_rng(12), damage.seeds(tmp_path)
    path = tmp_path / "file"
    for reader, name, data in seeds:
        path.write_bytes(data)
        assert damage.verdict_on(reader, path) == "read", name
        path.write_bytes(damage.damaged(random, data, data))
        assert damage.verdict_on(reader, path).startswith(("read", "refused: ")), name


def test_harm_is_noticed(tmp_path, monkeypatch):
    def read(path):
        raise KeyError

    monkeypatch.setitem(damage.READERS, "state", read)
    assert damage.verdict_on("state", tmp_path) == "another exception, 2"
    monkeypatch.setitem(damage.READERS, "state", lambda path: os.kill(os.getpid(), signal.SIGKILL))
    assert damage.verdict_on("state", tmp_path) == "killed by signal 9"


@pytest.mark.exhaustive
def test_the_tool_keeps_files_that_do_harm(tmp_path, monkeypatch, capsys):
    flags = ["--seconds", "0.2", "--seed", "3", "--keep", str(tmp_path / "found")]
    assert fuzz.main(flags) == 0
    assert "seed 3" in (out := capsys.readouterr().out)
    assert re.search(r"^ +\d+ (picture|network|state): refused$", out, re.M)
    assert not (tmp_path / "found").exists()
    monkeypatch.setattr(damage, "verdict_on", lambda reader, path: "killed by signal 9")
    assert fuzz.main(flags) == 1
    assert (tmp_path / "found").is_dir()
    assert ": killed by signal 9" in capsys.readouterr().out
