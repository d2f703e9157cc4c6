"""Damaged files, through the command and in a process of their own: one sentence, and neither time nor memory."""

import os
import re
import signal
import time
from pathlib import Path

import numpy as np

from tests.helpers import damage


def arguments(reader, path):
    """The flags that make the command read a file with a reader."""
    return {
        "picture": ("--content", path, "--network", "net.mat"),
        "network": ("--content", "content.png", "--network", path),
        "state": ("--resume", path),
    }[reader]


def test_damaged_files_through_the_command(command, tmp_path):
    random, seeds = np.random.default_rng(11), damage.seeds(tmp_path)
    statuses = set()
    for number in range(260):
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
