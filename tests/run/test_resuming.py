"""Resuming: what may have changed since, and what is refused."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import neural_style
from brushwork import files, state
from brushwork.presets import PRESETS
from brushwork.run import resuming, saving
from brushwork.settings import DEFAULTS, Settings
from tests.helpers.command import words
from tests.pictures.test_masks import mask_file

OTHERS = {  # another valid value for each setting
    "width": 9,
    "height": 9,
    "long_side": 9,
    "initial": "content",
    "style_size": 9,
    "style_scales": (2.0,),
    "style_margin": 0.1,
    "content_layers": ("relu1_1",),
    "content_weight_blend": 0.5,
    "style_layers": ("relu1_1",),
    "nearest_layers": ("relu1_1",),
    "normalization": "sums",
    "style_loss": "wasserstein",
    "smallest_scale": 90,
    "style_blend_weights": (1.0,),
    "tv_norm": "absolute",
    "box": True,
    "deterministic": True,
    "pooling": "avg",
    "padding": "replicate",
    "initial_noiseblend": 0.5,
    "scales": (2,),
    "scale_iterations": (9,),
    "optimizer": "lbfgs",
    "beta1": 0.5,
    "beta2": 0.5,
    "precision": "auto",
    "tile_size": 64,
    "colors": "luma",
    "color_strength": 0.5,
    "keep": "last",
    "instant": True,
    "instant_strength": 0.5,
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_setting_that_has_changed_is_named_unless_it_may_change(name):
    value = OTHERS[name] if name in OTHERS else DEFAULTS[name] + 1
    digests = dict.fromkeys(state.INPUTS, "1")
    saved = state.Saved(None, state.settings_as_json(Settings()), digests, [])
    flags, inputs = state.differences(saved, dataclasses.replace(Settings(), **{name: value}), digests)
    free = name in ("iterations", "scale_iterations", "tile_size")
    flag = "--eps" if name == "epsilon" else "--" + name.replace("_", "-")
    assert [sentence.split()[0] for sentence in flags] == [] if free else [flag]
    assert inputs == []
    assert len(flags) == (not free)


@pytest.mark.parametrize("name", state.INPUTS)
def test_an_input_that_has_changed_is_named(name):
    digests = dict.fromkeys(state.INPUTS, "1")
    saved = state.Saved(None, state.settings_as_json(Settings()), digests, [])
    without = dataclasses.replace(saved, digests={each: "1" for each in state.INPUTS if each != name})
    assert state.differences(without, Settings(), digests)[1] == [f"{state.INPUTS[name]} has changed"]
    for changed in (digests | {name: "2"}, digests):
        expected = [f"{state.INPUTS[name]} has changed"] if changed is not digests else []
        assert state.differences(saved, Settings(), changed) == ([], expected)


FLAGS = words("--style-masks left.png --style-source-masks source.png --content-mask matter.png --scales 2 --seed 5")


@pytest.fixture
def halfway(command, plans):
    """A state of a run with masks, at its second scale."""
    for name, size in (("left", (40, 30)), ("source", (240, 180)), ("matter", (40, 30))):
        mask_file(f"{name}.png", size, 10)
    assert command(*FLAGS)[0] == 0
    image = np.zeros((30, 40, 3), np.float32)
    at = state.State(1, 1, image, image + 1, 5.0, {})
    state.write("a.state", saving.saved_run(plans.pop(), at))
    return at


@pytest.fixture
def resumed(command):
    def run(*arguments):
        status, _, err = command("--resume", "a.state", *arguments, defaults=False)
        return status, [line.removeprefix("neural_style: error: cannot resume a.state: ") for line in err.splitlines()]

    return run


def test_a_run_goes_on_from_its_state(halfway, resumed, plans):
    assert resumed("--iterations", 90, "--tile-size", 64, "--state-iterations", 1) == (0, [])
    plan = plans[0]
    assert plan.resume._replace(image=0, kept=0) == halfway._replace(image=0, kept=0)
    np.testing.assert_array_equal(plan.resume.kept, halfway.kept)
    assert (plan.settings.seed, plan.settings.iterations, plan.job.state) == (5, 90, "a.state")
    assert resumed("--state", "b.state", "--state-iterations", 1) == (0, [])
    assert plans[1].job.state == "b.state"


def test_a_run_goes_on_when_its_preset_has_changed(command, cut_short, monkeypatch):
    """Presets change with versions; what was typed, then or now, still counts."""
    cut_short("--preset", "fast", "--content-weight", 7, "--state", "a.state")
    monkeypatch.setitem(PRESETS, "fast", PRESETS["fast"] | {"content_weight": 1.0, "padding": "zero", "tv_weight": 0.1})
    status, _, err = command("--resume", "a.state", "--preset", "gatys", defaults=False)
    assert (status, "--normalization was classic and is now sums" in err) == (2, True)
    status, _, err = command("--resume", "a.state", "--iterations", 8, defaults=False)
    assert (status, "cannot resume" in err) == (0, False), err


def test_only_files_of_the_resumed_run_are_replaced(halfway, resumed, plans):
    saved = state.read("a.state")
    for name in ("out.png", "new.png", "b.state"):
        Path(name).write_text(name)
    for flags, path in (
        ([], "out.png"),
        (["--output", "new.png"], "new.png"),
        (["--state", "b.state"], "out.png and 1"),
    ):
        said = f"neural_style: error: {path} exists; choose another name or give --overwrite".replace(
            "1 exists", "1 more exist"
        )
        assert resumed(*flags) == (1, [said])
        assert resumed(*flags, "--overwrite") == (0, [])
    state.write("a.state", dataclasses.replace(saved, written={"out.png": files.digest("out.png")}))
    assert resumed() == (0, [])
    assert resumed("--output", "new.png")[0] == 1
    Path("out.png").write_text("another")
    assert resumed()[0] == 1


@pytest.mark.parametrize("name", ["left", "source", "matter"])
def test_a_mask_that_has_changed_is_noticed(halfway, resumed, plans, name):
    mask_file(f"{name}.png", (40, 30), 20)
    assert resumed() == (1, ["a mask has changed; a resumed run needs the same"])
    assert plans == []


def test_everything_that_has_changed_is_said(halfway, resumed):
    mask_file("content.png", (40, 30), 20)
    mask_file("style.png", (240, 180), 20)
    assert resumed("--learning-rate", 11, "--style-layers", "relu1_1", "--style-blend-weights", 1, "--seed", 6) == (
        2,
        [
            "--style-layers was relu1_1 relu2_1 and is now relu1_1; a resumed run keeps its own",
            "--style-blend-weights was not given and is now 1.0; a resumed run keeps its own",
            "--learning-rate was 10.0 and is now 11.0; a resumed run keeps its own",
            "--seed was 5 and is now 6; a resumed run keeps its own",
            "the content picture has changed; a resumed run needs the same",
            "a style picture has changed; a resumed run needs the same",
        ],
    )


def test_a_state_whose_arrays_do_not_fit_is_damaged(halfway, resumed, plans):
    saved = state.read("a.state")
    state.write("a.state", dataclasses.replace(saved, state=saved.state._replace(scale=2)))
    assert resumed() == (1, ["damaged"])


@pytest.fixture
def cut_short(command, at_evaluation):
    """Runs the command, interrupted during its third evaluation; returns what was said."""

    def run(*arguments):
        def interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

        at_evaluation(3, interrupt)
        status, _, err = command(*arguments, iterations=6)
        assert status == 130
        at_evaluation(0, None)
        return err

    return run


@pytest.mark.parametrize(
    "flags", ["", "--state run.state", "--optimizer lbfgs", "--state-iterations 1 --state a.state"]
)
def test_a_resumed_run_that_is_finished_is_not_to_be_continued(command, cut_short, flags):
    advice = cut_short(*words(flags)).partition("continue with ")[2].strip()
    status, _, err = command(*words(advice), defaults=False)
    assert status == 0
    assert "continue with" not in err
    assert f"wrote out.png; its state is in {advice.split()[1]}" in err


def test_a_name_with_a_space_is_quoted_in_the_advice(command, cut_short):
    err = cut_short("--output", "my picture.png")
    assert "continue with --resume 'my picture.state'" in err


def test_a_run_is_resumed_from_another_directory(command, cut_short, folder, monkeypatch):
    flags = ["--initial", "other.png", "--content-mask", "content.png", "--keep", "last"]
    assert command(*flags, output="whole.png", iterations=6)[0] == 0
    cut_short(*flags)
    (folder / "elsewhere").mkdir()
    monkeypatch.chdir(folder / "elsewhere")
    status, _, err = command("--resume", "../out.state", defaults=False)
    assert status == 0, err
    assert f"the paths in ../out.state are relative to {folder}, where its run began" in err
    assert f"wrote {folder}/out.png" in err
    assert (folder / "out.png").read_bytes() == (folder / "whole.png").read_bytes()
    assert os.listdir() == []


def test_only_paths_of_a_command_line_are_relocated(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    given = words("--content a.png /b.png --initial=noise --style-size original --output=o.png --network pocket --box")
    saved = state.Saved(None, {}, {}, given, directory=str(tmp_path / "there"))
    there = f"{tmp_path}/there"
    facts = neural_style.make_parser().facts
    monkeypatch.chdir(tmp_path)
    assert resuming.command(saved, "a.state", facts) == words(
        f"--content {there}/a.png /b.png --initial=noise --style-size original --output={there}/o.png "
        "--network pocket --box"
    )
    monkeypatch.chdir(tmp_path / "there")
    assert resuming.command(saved, "a.state", facts) == given
    gone = dataclasses.replace(saved, directory=str(tmp_path / "gone"))  # the whole project was moved
    assert resuming.command(gone, "a.state", facts) == given
