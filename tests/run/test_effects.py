"""Flags that change nothing are named, and only those that were typed."""

import pytest

from tests.helpers.command import words

NAMED = [
    ("--color-strength 0.5", ["--color-strength"]),
    ("--optimizer lbfgs --learning-rate 2 --beta1 0.5", ["--learning-rate", "--beta1"]),
    ("--optimizer lbfgs --beta2 0.5 --eps 1", ["--beta2", "--eps"]),
    ("--preset fast --learning-rate=2", ["--learning-rate"]),
    ("--lbfgs-memory 5", ["--lbfgs-memory"]),
    ("--content-weight 0 --content-mask content.png", ["--content-mask"]),
    ("--content-weight 0 --content-layers relu1_1", ["--content-layers"]),
    ("--content-weight 0 --content-weight-blend 0.5", ["--content-weight-blend"]),
    ("--style-weight 0 --style-layers relu1_1 --style-size 20", ["--style-layers", "--style-size"]),
    ("--style-weight 0 --style-masks content.png", ["--style-masks"]),
    ("--style-blend-weights 2", ["--style-blend-weights"]),
    ("--tv-weight 0 --tv-norm absolute", ["--tv-norm"]),
    ("--initial content --seed 3", ["--seed"]),
    ("--width 20 --long-side 30", ["--long-side"]),
    ("--height 20 --long-side 30", ["--long-side"]),
    ("--scales 2 --scale-iterations 3 4 --iterations 9", ["--iterations"]),
    ("--skip-existing --overwrite", ["--overwrite"]),
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
    "--tv-weight 0",
    "--style-layers relu1_1 --content-layers relu1_1",
]


def named(command, flags):
    given = words("--content content.png --styles style.png --output out.png --network net.mat")
    status, _, err = command(*given, *words(flags), defaults=False)
    assert status == 0, err
    lines = [line.removeprefix("neural_style: ") for line in err.splitlines()]
    return [line for line in lines if "has no effect" in line or "both 0" in line]


@pytest.mark.parametrize(("flags", "expected"), NAMED, ids=[case[0] for case in NAMED])
def test_a_flag_without_effect_is_named(command, plans, flags, expected):
    said = named(command, flags)
    assert len(said) == len(expected)
    assert all(line.startswith(start) for line, start in zip(sorted(said), sorted(expected), strict=True))


@pytest.mark.parametrize("flags", SILENT)
def test_a_flag_with_an_effect_is_not(command, plans, flags):
    assert named(command, flags) == []
