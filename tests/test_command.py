"""The command, from its arguments to its exit status, with a tiny network."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neural_style
import tiny_networks

ROOT = Path(neural_style.__file__).parent
LOSS = re.compile(r"Iteration +(\d+)/(\d+)  content loss: (\S+) +style loss: (\S+) +tv loss: (\S+) +total loss: (\S+)")


def subprocess_command(*arguments, **kwargs):
    script = str(ROOT / "neural_style.py")
    return subprocess.Popen(
        [sys.executable, script, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **kwargs,
    )


def words(text):
    return text.split()


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


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
    assert result.stdout.splitlines()[-2:] == ["1", "False False"]  # NumPy is told before it is imported
    assert result.stderr == ""


def test_help_has_four_groups_and_a_line_for_each_flag(command):
    status, out, _ = command("--help", defaults=False)
    assert status == 0
    assert re.findall(r"^(\w+):$", out, re.M) == ["pictures", "look", "optimisation", "output"]
    lines = [line for line in out.partition("\npresets")[0].splitlines() if line.startswith("  ")]
    assert all(re.match(r"  --?\w", line) for line in lines), "a flag takes more than one line"
    for line in lines:
        assert "(default: " in line or "(required)" in line or "--help" in line, line


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
    }.items():
        assert f" {name} " in presets
        assert flags in presets


def test_defaults_of_the_classic_program():
    assert neural_style.DEFAULTS == {
        "width": None,
        "long_side": None,
        "initial": "noise",
        "style_size": "content",
        "style_scales": (),
        "content_weight": 5,
        "content_layers": (),
        "content_weight_blend": 1,
        "style_weight": 500,
        "style_layers": (),
        "style_layer_weight_exp": 1,
        "normalization": "classic",
        "style_blend_weights": (),
        "tv_weight": 100,
        "tv_norm": "squares",
        "box": False,
        "pooling": "max",
        "padding": "zero",
        "initial_noiseblend": None,
        "iterations": 1000,
        "scales": (1,),
        "scale_iterations": (),
        "optimizer": "adam",
        "learning_rate": 10,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "lbfgs_memory": 10,
        "precision": "float32",
        "tile_size": "auto",
        "colors": "style",
        "color_strength": 1,
        "keep": "best",
        "on_nan": "stop",
        "seed": 0,
    }


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


def test_progress_plot_without_matplotlib(command, monkeypatch):
    import plan

    monkeypatch.setattr(plan.importlib.util, "find_spec", lambda name: None)
    status, _, err = command("--progress-plot")
    assert status == 1
    assert "--progress-plot needs matplotlib" in err


@pytest.mark.parametrize("template", ["step_{:05}.png", "step_%05d.png", "step_{0:05d}.png"])
def test_checkpoints(command, template):
    status, _, _ = command("--checkpoint-output", template, "--checkpoint-iterations", 2, iterations=5)
    assert status == 0
    names = sorted(path.name for path in Path().glob("step_*"))
    assert names == ["step_00002.png", "step_00004.png", "step_00005.png"]
    assert (pixels("step_00005.png") == pixels("out.png")).all()


def test_two_runs_give_the_same_bytes(command):
    assert command()[0] == 0
    first = Path("out.png").read_bytes()
    assert command("--overwrite")[0] == 0
    assert Path("out.png").read_bytes() == first
    assert command("--overwrite", "--seed", 1)[0] == 0
    assert Path("out.png").read_bytes() != first


def test_width_sets_the_size(command):
    assert command("--width", 20)[0] == 0
    assert pixels("out.png").shape == (15, 20, 3)


def test_style_scales_change_the_picture(command):
    for index, scale in enumerate((1, 2)):
        assert command("--style-scales", scale, output=f"{index}.png")[0] == 0
    assert (pixels("0.png") != pixels("1.png")).any()


def test_initial_picture_and_no_iterations_give_it_back(command):
    status, _, _ = command("--initial", "content.png", iterations=0)
    assert status == 0
    assert (pixels("out.png") == pixels("content.png")).all()


def test_initial_picture_of_another_shape_is_cut_and_not_stretched(command):
    square = np.zeros((40, 60, 3), np.uint8)
    square[:, 20:40] = 255  # 20 wide of 60 by 40
    Image.fromarray(square).save("initial.png")
    assert command("--initial", "initial.png", iterations=0)[0] == 0
    # Scaled by 3/4 to a height of 30; the white is 15 wide, in the middle.
    assert (pixels("out.png")[15, :, 0] > 127).sum() == 15


def test_preserve_colors_keeps_chroma(command):
    assert command("--preserve-colors", iterations=5)[0] == 0
    out, content = (np.asarray(Image.open(path).convert("RGB"), float) for path in ("out.png", "content.png"))
    inside = ((out > 0) & (out < 255)).all(axis=2)
    difference = (out - content)[inside]  # the change of luma, the same in each channel
    assert inside.sum() > 50
    assert np.ptp(difference, axis=1).max() <= 1
    assert abs(difference).max() > 5


def test_colors_of_the_content(command, request):
    for arguments in ("", "--colors luma", "--colors match --color-strength 0"):
        assert command(*words(arguments), iterations=5, output=f"{arguments or 'plain'}.png")[0] == 0
    assert (pixels("plain.png") == pixels("--colors match --color-strength 0.png")).all()
    assert (pixels("plain.png") != pixels("--colors luma.png")).any()
    assert command("--preserve-colors", iterations=5, output="alias.png")[0] == 0
    assert (pixels("alias.png") == pixels("--colors luma.png")).all()
    plans = request.getfixturevalue("plans")
    for arguments in ("", "--colors match", "--colors histogram", "--colors match --color-strength 0.5"):
        assert command(*words(arguments), output="new.png")[0] == 0
    means = [plan.styles[0].mean(axis=(0, 1)) for plan in plans]
    content = plans[0].content.mean(axis=(0, 1))
    np.testing.assert_allclose(means[1], content, rtol=1e-3)
    np.testing.assert_allclose(means[2], content, atol=3)
    np.testing.assert_allclose(means[3], (means[0] + content) / 2, rtol=1e-3)
    assert np.abs(means[0] - content).max() > 3


def test_color_strength_is_a_share(command):
    for strength in (0, 0.5, 1):
        arguments = ["--colors", "luma", "--color-strength", strength]
        assert command(*arguments, output=f"{strength}.png")[0] == 0
    assert command(output="plain.png")[0] == 0
    assert (pixels("plain.png") == pixels("0.png")).all()
    middle = (pixels("0.png").astype(float) + pixels("1.png")) / 2
    inside = (pixels("1.png") > 0) & (pixels("1.png") < 255)
    np.testing.assert_allclose(pixels("0.5.png")[inside], middle[inside], atol=1.5)


def test_style_size(command, plans):
    cases = {"content": (30, 40), "original": (180, 240), "20": (15, 20), "280": (210, 280)}
    for size, expected in cases.items():
        status, _, err = command("--style-size", size)
        assert status == 0
        assert plans[-1].styles[0].shape[:2] == expected
        enlarged = f"neural_style: style.png is enlarged from a width of 240 to {expected[1]} pixels\n"
        assert err == (enlarged if expected[1] > 240 else "")
    assert command("--style-size", "original", "--style-scales", 0.5)[0] == 0
    assert plans[-1].styles[0].shape[:2] == (90, 120)


def test_a_directory_of_styles(command, folder):
    (folder / "gallery").mkdir()
    for name in ("b.png", "a.PNG"):
        Path("style.png" if name == "b.png" else "other.png").rename(folder / "gallery" / name)
    Path("gallery/notes.txt").write_text("no picture")
    status, _, err = command("--styles", "gallery", "--style-blend-weights", 1, 0)
    assert status == 0
    assert "the styles of gallery are a.PNG, b.png" in err
    assert command("--styles", "gallery/a.PNG", output="alone.png")[0] == 0
    assert (pixels("out.png") == pixels("alone.png")).all()


def test_without_a_network_the_embedded_one_is_used_and_said(command, monkeypatch, folder):
    monkeypatch.delenv("NEURAL_STYLE_NETWORK", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    arguments = words("--content content.png --styles style.png --output out.png --iterations 1")
    status, _, err = command(*arguments, defaults=False)
    assert status == 0
    assert "the network is pocket" in err
    assert "--network vgg19" in err
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "net.mat")
    status, _, err = command(*arguments, "--overwrite", defaults=False)
    assert status == 0
    assert "the network is net.mat" in err


def test_nothing_is_fetched_for_a_run_in_vain(command, monkeypatch, folder):
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setattr("store.fetch", lambda say: pytest.fail("fetched"))
    status, _, err = command("--network", "vgg19", "--content", "missing.png")
    assert status == 1
    assert len(err.splitlines()) == 1


def test_fetch_alone(command, monkeypatch, folder):
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", "http://127.0.0.1:9")  # the discard port: nobody listens
    status, _, err = command("--fetch", defaults=False)
    assert status == 1
    assert "error: cannot fetch vgg19: " in err
    monkeypatch.setattr("store.fetch", lambda say: "somewhere")
    assert command("--fetch", defaults=False) == (0, "", "neural_style: vgg19 is in somewhere\n")


def test_a_preset_sets_defaults_and_flags_win(command):
    assert command("--preset", "fast", output="preset.png", iterations=3)[0] == 0
    flags = "--optimizer lbfgs --initial content --precision auto --padding replicate"
    assert command(*words(flags), output="flags.png", iterations=3)[0] == 0
    assert (pixels("preset.png") == pixels("flags.png")).all()
    assert command("--preset", "fast", "--optimizer", "adam", output="adam.png", iterations=3)[0] == 0
    assert (pixels("preset.png") != pixels("adam.png")).any()


def test_a_run_ends_in_time(command):
    start = time.monotonic()
    status, out, err = command("--max-seconds", 2, "--print-iterations", 1, iterations=1_000_000)
    assert status == 0
    assert 1 < time.monotonic() - start < 10
    assert len(out.splitlines()) > 3
    assert re.search(r"ended after \d+ of 1000000 iterations, in time", err)
    assert "wrote out.png" in err


def test_a_minimum_ends_the_run(command):
    arguments = words("--optimizer lbfgs --tv-weight 0 --style-weight 0 --initial content.png")
    status, _, err = command(*arguments, iterations=10_000)
    assert status == 0
    assert "ended after 0 of 10000 iterations, as no step lowers the loss" in err
    np.testing.assert_array_equal(pixels("out.png"), pixels("content.png"))


def test_an_interrupt_before_there_is_a_picture(command, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("run.make_plan", interrupted)
    assert command() == (130, "", "neural_style: interrupted\n")
    monkeypatch.setattr("store.fetch", interrupted)
    assert command("--fetch", defaults=False) == (130, "", "neural_style: interrupted\n")


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


def test_a_run_cut_short_at_a_coarse_scale_has_the_full_size(command):
    status, _, err = command("--scales", 2, "--max-seconds", 3, "--print-iterations", 100, iterations=1000000)
    assert status == 0
    assert re.search(r"ended after \d+ of 1500000 iterations, in time", err)
    assert "scale 2" not in err
    assert pixels("out.png").shape == (30, 40, 3)


def test_tiles_give_the_same_picture(command):
    assert command("--precision", "float32", "--tile-size", "none", output="whole.png")[0] == 0
    status, _, err = command("--precision", "float32", "--tile-size", 16, output="tiled.png")
    assert status == 0
    assert "computing in float32, in tiles of 16 pixels" in err
    assert np.abs(pixels("whole.png") - pixels("tiled.png")).max() <= 1


def test_dry_run(command, folder):
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = command("--dry-run", "--scales", 2, "--tile-size", 16, "--content-weight-blend", 0.5)
    assert status == 0, err
    assert sorted(path.name for path in folder.iterdir()) == before
    lines = out.splitlines()
    assert lines[0] == "content layers: relu4_2:2.5, relu5_2:2.5"
    assert re.fullmatch(r"scale 1 of 2: 20x15, 2 iterations, in tiles of 16 pixels, 0\.\d\d GB, 0 min \d+ s", lines[3])
    assert re.fullmatch(r"scale 2 of 2: 40x30, 1 iterations, in tiles of 16 pixels, 0\.\d\d GB, 0 min \d+ s", lines[4])
    assert re.fullmatch(r"memory: 0\.\d\d GB of \d+\.\d\d GB", lines[5])
    assert re.fullmatch(r"time: 0 min \d+ s", lines[6])


def test_what_does_not_fit_is_refused_before_it_starts(command, monkeypatch, folder):
    import memory

    monkeypatch.setattr(memory, "available", lambda: 5e8)
    status, _, err = command()
    assert status == 1
    assert re.search(
        r"error: the run takes \S+ GB of memory and 0\.4 GB are free; not even a small picture would fit", err
    )
    assert not os.path.exists("out.png")


def test_two_styles_blended(command):
    results = []
    for weights in ([1, 0], [0, 1]):
        output = f"{weights[0]}.png"
        arguments = ["--styles", "style.png", "other.png", "--style-blend-weights", *weights]
        assert command(*arguments, output=output)[0] == 0
        results.append(pixels(output))
    assert command(output="alone.png")[0] == 0
    assert (results[0] == pixels("alone.png")).all()
    assert (results[1] != results[0]).any()


BAD_VALUES = [
    ("--content-weight -1", "--content-weight must be a number not below 0, not -1"),
    ("--content-weight nan", "--content-weight must be a number not below 0, not nan"),
    ("--style-weight inf", "--style-weight must be a number not below 0, not inf"),
    ("--tv-weight -0.5", "--tv-weight must be a number not below 0, not -0.5"),
    ("--content-weight-blend 1.5", "--content-weight-blend must be between 0 and 1, not 1.5"),
    ("--style-layer-weight-exp -1", "--style-layer-weight-exp must be between 0 and 1000000, not -1"),
    ("--style-layer-weight-exp 1e300", "--style-layer-weight-exp must be between 0 and 1000000, not 1e+300"),
    ("--content-layers relu6_1", "--content-layers: there is no layer 'relu6_1'; there are conv1_1, relu1_1, conv1_2,"),
    ("--style-layers pool1", "--style-layers: there is no layer 'pool1'; there are conv1_1"),
    ("--style-layers relu1_1:x", "--style-layers: the weight of relu1_1 must be a number not below 0, not x"),
    ("--style-layers relu1_1:-1", "--style-layers: the weight of relu1_1 must be a number not below 0, not -1"),
    ("--style-layers relu1_1:nan", "--style-layers: the weight of relu1_1 must be a number not below 0, not nan"),
    ("--style-layers relu1_1: relu2_1", "--style-layers: the weight of relu1_1 must be a number not below 0, not "),
    ("--style-layers relu1_1 relu1_1:2", "--style-layers: relu1_1 is named twice"),
    (
        "--style-layers relu1_1 --style-layer-weight-exp 2",
        "--style-layer-weight-exp is a shorthand for --style-layers; give one of them",
    ),
    (
        "--content-layers relu1_1 --content-weight-blend 0.5",
        "--content-weight-blend is a shorthand for --content-layers; give one of them",
    ),
    ("--normalization mean", "--normalization must be one of classic, positions, sums, not 'mean'"),
    ("--tv-norm 2", "--tv-norm must be one of squares, absolute, not '2'"),
    ("--colors red", "--colors must be one of style, luma, match, histogram, not 'red'"),
    ("--color-strength 2", "--color-strength must be between 0 and 1, not 2"),
    ("--long-side 0", "--long-side must be a number of pixels, at least 1, not 0"),
    ("--style-blend-weights -1", "--style-blend-weights must be a number not below 0, not -1"),
    ("--style-blend-weights 0", "--style-blend-weights must have a sum above 0, and a finite one"),
    ("--style-blend-weights 1 2", "--style-blend-weights takes one number for each style: 1, not 2"),
    ("--style-scales 1 2 3", "--style-scales takes one number for each style: 1, not 3"),
    ("--style-size 0", "--style-size must be content, original or a number of pixels, at least 1, not 0"),
    ("--style-size big", "argument --style-size: invalid style_size value: 'big'"),
    ("--style-scales 0", "--style-scales must be a number above 0, not 0"),
    ("--style-scales 1e9", "--style-scales: a picture of"),
    ("--width 0", "--width must be a number of pixels, at least 1, not 0"),
    ("--width 99999999", "--width: a picture of"),
    ("--width 2.5", "argument --width: invalid int value: '2.5'"),
    ("--iterations -1", "--iterations must be a number not below 0, not -1"),
    ("--iterations many", "argument --iterations: invalid int value: 'many'"),
    ("--learning-rate 0", "--learning-rate must be a number above 0, not 0"),
    ("--beta1 1", "--beta1 must be at least 0 and below 1, not 1"),
    ("--beta2 -0.1", "--beta2 must be at least 0 and below 1, not -0.1"),
    ("--eps 0", "--eps must be a number above 0, not 0"),
    ("--pooling foo", "--pooling must be one of max, avg, not 'foo'"),
    ("--optimizer sgd", "--optimizer must be one of adam, lbfgs, not 'sgd'"),
    ("--precision int8", "--precision must be one of auto, float32, bfloat16, not 'int8'"),
    ("--lbfgs-memory 0", "--lbfgs-memory must be between 1 and 1000, not 0"),
    ("--scales 0", "--scales must be a number of scales, or of pixels, at least 1, not 0"),
    ("--scales 30 20", "--scales takes the number of scales, or their widths from the smallest on"),
    ("--scales 40", "--scales takes widths below the output's, which is 40"),
    ("--scales 3 --scale-iterations 5 4", "--scale-iterations takes one number for each scale: 3"),
    ("--scale-iterations -1", "--scale-iterations must be a number of iterations, at least 0, not -1"),
    ("--tile-size 8", "--tile-size must be auto, none or a number of pixels, at least 16, not 8"),
    ("--tile-size some", "argument --tile-size: invalid tile_size value: 'some'"),
    ("--preset slow", "argument --preset: invalid choice: 'slow' (choose from"),
    ("--max-seconds 0", "--max-seconds must be a number above 0, not 0"),
    ("--max-seconds nan", "--max-seconds must be a number above 0, not nan"),
    ("--keep none", "--keep must be one of best, last, not 'none'"),
    ("--seed -1", "--seed must be between 0 and 4294967295, not -1"),
    ("--initial-noiseblend 2", "--initial-noiseblend must be between 0 and 1, not 2"),
    ("--print-iterations 0", "--print-iterations must be a number of iterations, at least 1, not 0"),
    (
        "--checkpoint-iterations -1 --checkpoint-output c{}.png",
        "--checkpoint-iterations must be a number of iterations, at least 1, not -1",
    ),
    ("--checkpoint-iterations 5", "--checkpoint-output and --checkpoint-iterations go together"),
    ("--checkpoint-output c{}.png", "--checkpoint-output and --checkpoint-iterations go together"),
    ("--checkpoint-iterations 5 --checkpoint-output c.png", "--checkpoint-output c.png has no place for the iteration"),
    ("--checkpoint-iterations 5 --checkpoint-output c%q.png", "--checkpoint-output c%q.png has no place"),
    ("--checkpoint-iterations 5 --checkpoint-output c{x}.png", "--checkpoint-output c{x}.png has no place"),
    ("--checkpoint-iterations 5 --checkpoint-output c%d%d.png", "--checkpoint-output c%d%d.png has no place"),
    ("--content-weight 0 --style-weight 0 --tv-weight 0", "there is nothing to optimise"),
    ("--styles", "argument --styles: expected at least one argument"),
    ("--no-such-flag", "unrecognized arguments: --no-such-flag"),
    ("--iter 5", "unrecognized arguments: --iter 5"),
    ("--output content.png", "content.png is an input of this run"),
    ("--output ./style.png --overwrite", "./style.png is an input of this run"),
    ("--output net.mat", "net.mat is an input of this run"),
    (
        "--output out_00001.png --checkpoint-iterations 1 --checkpoint-output out_{:05}.png",
        "out_00001.png is to be written twice",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_VALUES, ids=[case[0] for case in BAD_VALUES])
def test_bad_usage(command, arguments, message):
    before = sorted(path.name for path in Path().iterdir())
    status, out, err = command(*arguments.split())
    assert status == 2
    assert out == ""
    assert message in err
    assert all(line.startswith("neural_style: error: ") for line in err.splitlines()), err
    assert sorted(path.name for path in Path().iterdir()) == before


BAD_FILES = [
    ("--content missing.png", "cannot read missing.png: "),
    ("--content sub", "cannot read sub: there is no picture in this directory"),
    ("--styles net.dir.png", "cannot read net.dir.png: there is no picture in this directory"),
    ("--initial text.png", "cannot read text.png: "),
    ("--styles style.png text.png", "cannot read text.png: "),
    ("--network missing.mat", "cannot read network missing.mat: No such file or directory"),
    ("--network text.png", "cannot read network text.png: not a MATLAB or HDF5 file"),
    ("--network short.mat", "cannot use network short.mat: it ends at conv1_2, before relu4_2"),
    ("--output taken.png", "taken.png exists; choose another name or give --overwrite"),
    ("--output missing/out.png", "cannot write to missing: there is no such directory"),
    ("--output out.xyz", "cannot write out.xyz: "),
    ("--output out", "cannot write out: "),
    ("--output net.dir.png --overwrite", "cannot write net.dir.png: it is a directory"),
    (f"--output {'x' * 300}.png", "File name too long"),
    ("--checkpoint-iterations 1 --checkpoint-output no/c{}.png", "cannot write to no: there is no such directory"),
    ("--checkpoint-iterations 1 --checkpoint-output c{}.txt", "cannot write c1.txt: "),
    ("--checkpoint-iterations 1 --checkpoint-output taken_{}.png", "taken_2.png exists"),
    ("--progress-write --output sub/out.png", "sub/progress.txt exists"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_FILES, ids=[case[0][:60] for case in BAD_FILES])
def test_bad_files(command, arguments, message):
    for name in ("text.png", "taken.png", "taken_2.png"):
        Path(name).write_text("no picture")
    for name in ("net.dir.png", "sub"):
        Path(name).mkdir()
    Path("sub/progress.txt").touch()
    tiny_networks.write_matconvnet("short.mat", tiny_networks.tiny_network(names=("conv1_1", "conv1_2")))
    before = sorted(Path().rglob("*"))
    status, out, err = command(*arguments.split())
    assert (status, out) == (1, "")
    assert message in err
    assert all(line.startswith("neural_style: error: ") for line in err.splitlines()), err
    assert sorted(Path().rglob("*")) == before
    assert Path("taken.png").read_text() == "no picture"


def test_all_mistakes_are_reported_together(command):
    arguments = words("--content a.png --styles b.png c.png --network d.mat --output e/f.xyz --beta1 2 --width 0")
    status, _, err = command(*arguments)
    assert status == 2
    assert len(err.splitlines()) == 8
    for part in ("a.png", "b.png", "c.png", "d.mat", "e/f.xyz", "to e", "--beta1", "--width"):
        assert part in err


def test_mistakes_are_found_before_tensorflow_is_imported(folder):
    code = "import sys, neural_style; print(neural_style.main(), 'tensorflow' in sys.modules)"
    arguments = ["--content", "content.png", "--styles", "style.png", "--network", "net.mat", "--output", "out.xyz"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert result.stdout == "1 False\n"


def test_overwrite_keeps_the_permissions(command):
    Path("out.png").write_text("old")
    Path("out.png").chmod(0o640)
    assert command("--overwrite")[0] == 0
    assert pixels("out.png").shape == (30, 40, 3)
    assert Path("out.png").stat().st_mode & 0o777 == 0o640


def test_a_run_that_diverges_keeps_its_last_good_picture(command):
    status, _, err = command("--learning-rate", "1e30", iterations=9)
    assert status == 1
    assert "the loss is not finite at iteration 1; try a smaller --learning-rate" in err
    assert "wrote out.png" in err
    assert pixels("out.png").shape == (30, 40, 3)


def test_checkpoint_that_cannot_be_written_does_not_end_the_run(command, monkeypatch):
    import files

    real = files.replacing

    def failing(path):
        if "check" in str(path):
            raise OSError(28, "No space left on device")
        return real(path)

    monkeypatch.setattr(files, "replacing", failing)
    status, _, err = command("--checkpoint-output", "check{}.png", "--checkpoint-iterations", 1, iterations=2)
    assert status == 1
    assert err.count("cannot write check") == 2
    assert "No space left on device" in err
    assert pixels("out.png").shape == (30, 40, 3)


def test_output_that_cannot_be_written_goes_to_the_temporary_directory(command, monkeypatch, tmp_path):
    import files

    real = files.replacing

    def failing(path):
        if Path(path).name == "out.png":
            raise OSError(30, "Read-only file system")
        return real(path)

    monkeypatch.setattr(files, "replacing", failing)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    status, _, err = command()
    assert status == 1
    found = re.search(r"error: cannot write out.png: Read-only file system; wrote (\S+) instead", err)
    assert pixels(found[1]).shape == (30, 40, 3)


def test_an_interrupt_saves_the_picture(server, folder):  # the other ways are in test_state
    arguments = "--content content.png --styles style.png --output out.png --network net.mat --iterations 1000000"
    os.mkfifo("pipe")
    process = server.start(*arguments.split(), "--print-iterations", 1, out="pipe", err="err.txt")
    with open("pipe") as pipe:
        assert pipe.readline().startswith("Iteration")
        os.kill(process.pid, signal.SIGTERM)
        pipe.read()
    assert process.wait() == 143
    assert re.search(r"interrupted after \d+ of 1000000 iterations; wrote out.png", Path("err.txt").read_text())
    assert pixels("out.png").shape == (30, 40, 3)


def test_a_second_interrupt_stops_at_once(folder):
    code = "import interrupts, time\nwith interrupts.Interrupts():\n    print('ready', flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert process.stdout.readline() == b"ready\n"
    start = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    assert process.wait(timeout=20) == 130
    assert time.monotonic() - start < 20
    process.stdout.close()


def test_losses_printed_into_a_closed_pipe_do_not_end_the_run(server, folder):
    arguments = words("--content content.png --styles style.png --output out.png --network net.mat --iterations 30")
    os.mkfifo("pipe")
    process = server.start(*arguments, "--print-iterations", 1, out="pipe", err="err.txt")
    open("pipe").close()
    assert process.wait() == 0, Path("err.txt").read_text()
    assert "wrote out.png" in Path("err.txt").read_text()


def test_sessions_are_opened_in_one_place():
    programs = [path for path in ROOT.glob("*.py") if "Session(" in path.read_text()]
    assert [path.name for path in programs] == ["session.py"]
