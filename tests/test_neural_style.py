"""The command, from its arguments to its exit status, with a tiny network."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.network import store
from brushwork.presets import PURPOSES
from brushwork.run import plan
from brushwork.watch import report
from tests.helpers.command import FAST, LOSS, ROOT, pixels, words
from tests.watch.steps import Clock


def subprocess_command(*arguments, **kwargs):
    script = str(ROOT / "neural_style.py")
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def test_a_run_of_the_real_command(folder):
    arguments = words("--content content.png --styles style.png --output out.jpg --network net.mat --iterations 3")
    process = subprocess_command(*arguments, "--print-iterations", 1)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    assert [int(row[0]) for row in LOSS.findall(out)] == [0, 1, 2, 3]
    assert len(out.splitlines()) == 4
    assert "wrote out.jpg" in err
    assert all(line.startswith("neural_style: ") for line in err.splitlines()), err  # nothing of TensorFlow's
    assert pixels("out.jpg").shape == (30, 40, 3)


def test_help_is_quick_and_needs_no_tensorflow(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    code = (
        "import sys; sys.argv = ['neural_style.py', '--help']\n"
        "import atexit, neural_style\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules, 'numpy' in sys.modules))\n"
        "import os; atexit.register(lambda: print(os.environ['OPENBLAS_NUM_THREADS']))\n"
        "neural_style.main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert result.stdout.splitlines()[-2:] == ["1", "False False"]  # set before NumPy is imported
    assert result.stderr == ""


def test_help_has_groups_and_a_line_for_each_flag(command):
    status, out, _ = command("--help", defaults=False)
    assert status == 0
    groups = ["pictures", "look", "optimisation", "films", "output", "cluster"]
    assert re.findall(r"^(\w+):$", out, re.M) == groups
    lines = [line for line in out.partition("\npresets")[0].splitlines() if line.startswith("  ")]
    assert [line for line in lines if not re.match(r"  --?\w", line)] == []  # no flag takes more than one line
    for line in lines:
        assert "(default: " in line or "(required)" in line or "--help" in line or "--version" in line, line


CLASSIC_FLAGS = words(
    "content styles output iterations print-iterations checkpoint-output checkpoint-iterations progress-write "
    "progress-plot width style-scales network content-weight-blend content-weight style-weight "
    "style-layer-weight-exp style-blend-weights tv-weight learning-rate beta1 beta2 eps initial "
    "initial-noiseblend preserve-colors pooling overwrite"
)


def test_every_classic_flag_is_there(command):
    _, out, _ = command("--help", defaults=False)
    for flag in CLASSIC_FLAGS:
        assert f"  --{flag} " in out


def test_help_says_what_each_preset_sets(command):
    _, out, _ = command("--help", defaults=False)
    presets = " ".join(out.partition("\npresets")[2].split())
    for name, flags in {
        "keras": "--content-weight 1000 --content-weight-blend 0 --style-weight 0.01",
        "gatys": "--normalization sums --tv-weight 0 --pooling avg --optimizer lbfgs --keep last",
        "painterly": "--scale-factor 1.414 --smallest-scale 90 --scale-iterations 60 50 40 30 --optimizer lbfgs",
    }.items():
        assert f" {name} {PURPOSES[name]}" in presets
        assert flags in presets


def test_printed_losses_and_progress_agree(command):
    status, out, _ = command("--print-iterations", 3, "--progress-write", iterations=7)
    assert status == 0
    printed = np.array(LOSS.findall(out), float)
    assert printed[:, 0].tolist() == [0, 3, 6, 7]
    assert (printed[:, 1] == 7).all()
    lines = Path("progress.txt").read_text().splitlines()
    assert lines[0] == "# itr content style tv total"
    table = np.loadtxt("progress.txt")
    np.testing.assert_allclose(table, np.delete(printed, 1, axis=1), rtol=1e-5)
    np.testing.assert_allclose(table[:, 1:4].sum(axis=1), table[:, 4], rtol=1e-6)


def test_progress_has_every_iteration_when_none_is_printed(command):
    assert command("--progress-write", iterations=3)[:2] == (0, "")
    assert np.loadtxt("progress.txt")[:, 0].tolist() == [0, 1, 2, 3]


def test_progress_plot(command):
    assert command("--progress-plot")[0] == 0
    assert pixels("progress.png").shape == (500, 800, 3)


def test_two_runs_give_the_same_bytes(command):
    for name, seed in (("one", 0), ("same", 0), ("differs", 1)):
        assert command("--seed", seed, output=f"{name}.png")[0] == 0
    assert Path("one.png").read_bytes() == Path("same.png").read_bytes() != Path("differs.png").read_bytes()


@pytest.mark.exhaustive
def test_two_processes_give_the_same_bytes(server, folder):
    arguments = words("--content content.png --styles style.png --network net.mat --iterations 2 " + FAST)
    for name, seed in (("one", 0), ("same", 0), ("differs", 1)):
        assert server.start(*arguments, "--seed", seed, "--output", f"{name}.png").wait() == 0
    assert Path("one.png").read_bytes() == Path("same.png").read_bytes() != Path("differs.png").read_bytes()


def test_preserve_colors_keeps_chroma(command):
    assert command("--preserve-colors", iterations=5)[0] == 0
    out, content = (np.asarray(Image.open(path).convert("RGB"), float) for path in ("out.png", "content.png"))
    inside = ((out > 0) & (out < 255)).all(axis=2)
    difference = (out - content)[inside]  # the change of luma, the same in each channel
    assert inside.sum() > 50
    assert np.ptp(difference, axis=1).max() <= 1
    assert abs(difference).max() > 5


def test_fetch_alone(command, monkeypatch, folder):
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setattr(store, "RETRIES", 0)  # before each of which pooch waits a second or more
    status, _, err = command("--fetch", defaults=False)
    assert status == 1
    assert "error: cannot download vgg19: " in err
    monkeypatch.setattr(store, "fetch", lambda: "somewhere")
    assert command("--fetch", defaults=False) == (0, "", "neural_style: vgg19 is in somewhere\n")


def test_a_run_cut_short_at_a_coarse_scale_has_the_full_size(command, at_evaluation, monkeypatch):
    """A clock that leaps over the deadline, rather than one that runs, so that no processor is too slow or too fast."""
    clock = Clock()
    monkeypatch.setattr(report, "time", clock.time)
    monkeypatch.setattr(plan, "time", clock.time)
    at_evaluation(4, lambda: setattr(clock, "now", 999.0))
    status, out, err = command("--scales", 2, "--max-seconds", 1000, "--print-iterations", 1, iterations=1_000_000)
    assert status == 0
    assert len(out.splitlines()) == 4  # a further step may take as long again
    assert "ended after 3 of 1500000 iterations, in time; wrote out.png" in err
    assert "scale 2 of 2" not in err
    assert pixels("out.png").shape == (30, 40, 3)


def test_a_minimum_ends_the_run(command):
    arguments = words("--optimizer lbfgs --tv-weight 0 --style-weight 0 --initial content.png")
    status, _, err = command(*arguments, iterations=10_000)
    assert status == 0
    assert "ended after 0 of 10000 iterations, as no step lowers the loss" in err
    np.testing.assert_array_equal(pixels("out.png"), pixels("content.png"))


def test_precision_is_said_once(command):
    for precision in ("float32", "bfloat16"):
        status, _, err = command("--precision", precision, output=f"{precision}.png")
        assert status == 0
        assert err.count(precision) == 2  # the other one is in the name of the output
    difference = abs(pixels("float32.png") - pixels("bfloat16.png"))
    assert 0 < difference.mean() < 20


def test_scales_from_coarse_to_fine(command):
    arguments = ["--scales", 2, "--scale-iterations", 3, 2, "--print-iterations", 1]
    status, out, err = command(*arguments, "--checkpoint-iterations", 2, "--checkpoint-output", "c{}.png")
    assert status == 0
    assert [int(row[0]) for row in LOSS.findall(out)] == [0, 1, 2, 3, 4, 5]
    assert re.findall(r"scale \d of \d: \w+", err) == ["scale 1 of 2: 20x15", "scale 2 of 2: 40x30"]
    for path in ("c2.png", "c4.png", "c5.png", "out.png"):
        assert pixels(path).shape == (30, 40, 3)


def test_tiles_give_the_same_picture(command):
    assert command("--precision", "float32", "--tile-size", "none", output="whole.png")[0] == 0
    status, _, err = command("--precision", "float32", "--tile-size", 16, output="tiled.png")
    assert status == 0
    assert "computing in float32, in tiles of 16 pixels" in err
    assert np.abs(pixels("whole.png") - pixels("tiled.png")).max() <= 1
