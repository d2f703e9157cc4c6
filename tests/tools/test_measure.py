"""The measuring tools, each with the smallest input."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from brushwork.network import store
from brushwork.pictures import write
from tests.helpers.command import ROOT
from tools.measure import distance, frame, memory, operations, race, runs, speed, watched


@pytest.fixture
def inputs_of(folder):
    """The flags that all tools take."""
    return ["--network", "net.mat", "--content", "content.png", "--style", "style.png"]


def cells(text):
    """The rows of the Markdown tables in a text, without their rules."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set("".join(row)) <= set("-| ")]


def test_a_frame_is_measured(tmp_path, random, capsys):
    image = np.clip(random.normal(128, 10, (64, 64, 3)), 0, 255)
    framed = image.copy()
    framed[:8] = framed[-8:] = framed[:, :8] = framed[:, -8:] = 128  # no variance but at the inner edge
    for name, picture in (("plain", image), ("framed", framed)):
        write.save(tmp_path / f"{name}.png", picture.astype(np.float32))
    assert frame.main([str(tmp_path / f"{name}.png") for name in ("plain", "framed")]) == 0
    plain, with_frame = (float(line.split()[0]) for line in capsys.readouterr().out.splitlines())
    assert 0.8 < plain < 1.25
    assert with_frame < 0.3


def test_a_painting_has_no_distance_from_itself(inputs_of, capsys):
    assert distance.main([*inputs_of, "content.png", "style.png"]) == 0
    _, content, style = cells(capsys.readouterr().out)
    assert content[0] == "content.png"
    assert float(content[1]) > 0.01 > float(style[1])
    assert float(content[2]) == 0 < float(style[2])


@pytest.mark.exhaustive
def test_operations_are_timed(inputs_of, capsys):
    assert operations.main([*inputs_of, "--size", "32x24", "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("32x24, float32, on ")
    assert cells(out)[-1][0] == "all"
    assert int(cells(out)[-1][2]) > 50
    assert re.search(r"without tracing: \d+ ms, [\d,]+ page faults", out)


@pytest.mark.exhaustive
def test_watching_is_timed(inputs_of):
    options = SimpleNamespace(content="content.png", style="style.png", sizes=["32x24"])
    assert 0 < speed.watching(options, network="net.mat", count=3) < 10


# Whole runs of the command, in processes of their own.


@pytest.fixture
def measured(folder, capfd, inputs_of, monkeypatch):
    """measured(tool, *flags): the rows of the tables that a tool prints."""

    def run(tool, *flags):
        assert tool.main([*inputs_of, *flags]) == 0
        return cells(capfd.readouterr().out)

    monkeypatch.setattr(store, "POCKET_FILE", "net.mat")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return run


@pytest.mark.exhaustive
def test_evaluations_are_compared_with_the_classic_loop(measured):
    rows = measured(speed, "--sizes", "32x24", "--rounds", "1")
    assert rows[1][0] == speed.CLASSIC
    assert float(rows[1][2]) == 1
    assert {"full network", "included network"} <= {row[0] for row in rows}


@pytest.mark.exhaustive
def test_the_race_has_a_row_for_each_way(measured):
    rows = measured(race, "--size", "32x24", "--iterations", "120")
    assert {"L-BFGS from content, float32", "L-BFGS from noise, float32"} <= {row[0] for row in rows}


@pytest.mark.exhaustive
def test_runs_are_measured_with_both_networks(measured):
    rows = measured(runs, "--sizes", "128x96", "--presets", "painterly")
    assert [row[:2] for row in rows[1:]] == [["`painterly`", "included"], ["`painterly`", "full"]]
    assert all(float(row[-1]) > 0.1 for row in rows[1:])  # no less than what forked it


@pytest.mark.exhaustive
def test_memory_is_compared_with_its_estimate(measured):
    rows = measured(memory, "--cases", "64x48:16:float32:adam", "--classic", "64x48")
    assert [row[0] for row in rows[1:]] == ["64x48:16:float32:adam", "64x48, the classic loop"]
    assert float(rows[1][2]) > 0.2  # no less than what forked it


@pytest.mark.exhaustive
def test_watching_in_the_studio_is_timed(folder, capsys):
    flags = "--content content.png --styles style.png --network net.mat --iterations 20"
    assert watched.main(["--rounds", "1", "--", *flags.split()]) == 0
    assert [row[0] for row in cells(capsys.readouterr().out)] == ["run", "not watched", "watched"]
