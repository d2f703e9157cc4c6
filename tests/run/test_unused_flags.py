"""Flags that change nothing are named, and only those that were typed."""

import numpy as np
import pytest

from brushwork import state
from brushwork.run import saving
from tests.helpers.command import words

NAMED = [
    ("--color-strength 0.5", ["--color-strength"]),
    ("--optimizer lbfgs --learning-rate 2 --beta1 0.5", ["--learning-rate", "--beta1"]),
    ("--optimizer lbfgs --beta2 0.5 --eps 1", ["--beta2", "--eps"]),
    ("--preset fast --learning-rate=2", ["--learning-rate"]),
    ("--lbfgs-memory 5", ["--lbfgs-memory"]),
    ("--content-weight 0 --content-mask content.png", ["--content-mask", "content.png is in colour"]),
    ("--content-weight 0 --content-layers relu1_1", ["--content-layers"]),
    ("--content-weight 0 --content-palette 0.5", ["--content-palette"]),
    ("--content-weight 0 --content-weight-blend 0.5", ["--content-weight-blend"]),
    ("--style-weight 0 --style-layers relu1_1 --style-size 20", ["--style-layers", "--style-size"]),
    ("--style-weight 0 --style-masks content.png", ["--style-masks", "content.png is in colour"]),
    ("--style-blend-weights 2", ["--style-blend-weights"]),
    ("--tv-weight 0 --tv-norm absolute", ["--tv-norm"]),
    ("--initial content --seed 3", ["--seed"]),
    ("--initial-noiseblend 0 --seed 3", ["--seed"]),
    ("--width 20 --long-side 30", ["--long-side"]),
    ("--height 20 --long-side 30", ["--long-side"]),
    ("--scales 2 --scale-iterations 3 4 --iterations 9", ["--iterations"]),
    ("--skip-existing --overwrite", ["--overwrite"]),
    ("--style-weight 0 --strength 2", ["--strength"]),
    ("--style-weight 0 --style-margin 0.1", ["--style-margin"]),
    ("--style-source-masks content.png --style-margin 0.1", ["--style-margin", "content.png is in colour"]),
    ("--style-weight 0 --style-loss wasserstein", ["--style-loss"]),
    ("--nearest-layers relu1_1", ["--nearest-layers has no effect without --style-loss nearest"]),
    ("--content-weight 0 --content-transport 1", ["--content-transport"]),
    ("--colors luma --color-strength 0", ["--colors"]),
    ("--preserve-colors --color-strength 0", ["--preserve-colors"]),
    ("--tile-size 64", ["--tile-size has no effect on a picture of 40x30 pixels"]),
    ("--keep-alpha", ["--keep-alpha has no effect: content.png is not transparent"]),
    ("--styles ./content.png", ["content.png is both the photograph and the style"]),
    (
        "--style-loss wasserstein",
        ["--style-loss wasserstein needs other weights than those of the preset classic"],
    ),
    (
        "--preset painterly --style-loss gram",
        ["--style-loss gram needs other weights than those of the preset pai"],
    ),
    ("--preset painterly --smallest-scale 500", ["--smallest-scale 500 leaves one scale, since the longer side is 40"]),
    (
        "--smallest-scale 20 --scale-iterations 4 3 2",
        ["--scale-iterations has 3 numbers, more than there are"],
    ),
    ("--scales 4", ["--scales begins at 5 pixels"]),
    ("--scales 15", ["--scales begins at 15 pixels"]),
    ("--content-layers relu4_2:0", ["all layers of the content loss have weight 0"]),
    ("--style-layers relu1_1:0 relu2_1:0", ["all layers of the style loss have weight 0"]),
    ("--style-scales 0.1", ["style.png is reduced to 4x3 pixels"]),
    ("--content-mask other.png --height 30 --content other.png", ["other.png is in colour, and only its brightness"]),
    ("--content-weight 0 --style-weight 0", ["--content-weight and --style-weight are both 0: only the variation"]),
]
SILENT = [
    "--color-strength 0.5 --colors luma",
    "--learning-rate 2 --beta1 0.5",
    "--preset fast --lbfgs-memory 5",
    "--preset keras",
    "--preset gatys",
    "--seed 3",
    "--initial content --initial-noiseblend 0.2 --seed 3",
    "--style-weight 0",
    "--content-weight 0 --initial content --content-palette 0.5",
    "--style-weight 0 --content-transport 1 --style-margin 0.1 --style-size 20",
    "--style-weight 0 --content-palette 1 --style-scales 1.5",
    "--style-loss wasserstein --style-weight 1 --content-weight 0.1",
    "--preset painterly --style-loss wasserstein --strength 2 --scale-iterations 2",
    "--preset painterly --smallest-scale 28 --scale-iterations 4 3",
    "--tile-size 32",
    "--scales 2",
    "--scales 16",
    "--styles style.png style.png --style-blend-weights 1 2",
    "--style-scales 0.8",
    "--tv-weight 0",
    "--style-layers relu1_1 --content-layers relu1_1",
]


def named(command, flags):
    given = {"--content": "content.png", "--styles": "style.png", "--output": "out.png", "--network": "net.mat"}
    given = [word for flag, value in given.items() if flag not in words(flags) for word in (flag, value)]
    status, _, err = command(*given, *words(flags), defaults=False)
    assert status == 0, err
    return [line.removeprefix("neural_style: warning: ") for line in err.splitlines()]


@pytest.mark.parametrize(("flags", "expected"), NAMED, ids=[case[0] for case in NAMED])
def test_a_flag_without_effect_is_named(command, plans, flags, expected):
    said = named(command, flags)
    assert len(said) == len(expected)
    assert all(line.startswith(start) for line, start in zip(sorted(said), sorted(expected), strict=True))


@pytest.mark.parametrize("flags", SILENT)
def test_a_flag_with_an_effect_is_not(command, plans, flags):
    assert named(command, flags) == []


def test_the_flags_of_a_state_are_not_named_again(command, plans):
    assert named(command, "--initial content --seed 3") == [
        "--seed has no effect without noise; the picture starts from content"
    ]
    image = np.zeros((30, 40, 3), np.float32)
    state.write("a.state", saving.saved_run(plans[0], state.State(0, 1, image, image, 5.0, {})))
    assert command("--resume", "a.state", defaults=False) == (0, "", "")
