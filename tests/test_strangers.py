"""States and settings of strangers: numbers and names that no run writes are refused by the rules of the flags."""

import dataclasses
import json
import os

import numpy as np
import pytest

from brushwork import state
from brushwork.errors import StateError
from brushwork.facts import LARGEST
from brushwork.pictures import write
from brushwork.preview_settings import PreviewSettings
from brushwork.run import outputs
from brushwork.run.jobs import Job
from brushwork.settings import SETTINGS, Settings
from tests.helpers.command import words
from tests.helpers.tiers import spot_checks

NUMBERS = [name for name, each in SETTINGS.items() if each.kind in (int, float)]
WRONG = [10**400, -(10**50), LARGEST + 1, float("nan"), float("inf"), -float("inf"), "1", [None], {}, object(), True]

UNUSUAL = [None, (), (None,), ("",), 1e308, 5e-324, b"", 0, -1, 1.5, np.float32(1), np.int64(1), np.ones(3)]


@pytest.mark.parametrize("name", SETTINGS)
def test_every_value_of_a_setting_is_right_or_a_value_error(name):
    for value in [
        *WRONG,
        None,
        (),
        (None,),
        ("",),
        1e308,
        5e-324,
        b"",
        0,
        -1,
        1.5,
        np.float32(1),
        np.int64(1),
        np.ones(3),
    ]:
        for kind in (Settings, PreviewSettings):
            if name in kind.__dataclass_fields__:
                try:
                    made = kind(**{name: value})
                    json.dumps(str(dataclasses.asdict(made)))
                except ValueError as error:
                    assert str(error)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_that_nothing_can_hold_are_refused(name):
    for value in (10**400, -(10**400), "1", float("nan"), float("inf"), {}, True):
        given = (value,) if SETTINGS[name].is_list else value
        with pytest.raises(ValueError, match=SETTINGS[name].flag):
            Settings(**{name: given})


def test_lists_are_tuples():
    made = Settings(style_scales=[1.0, 2], scales=[8, 9], content_layers="relu4_2", style_loss="Gram")
    assert (made.style_scales, made.scales, made.content_layers) == ((1.0, 2), (8, 9), ("relu4_2",))
    assert made.style_loss == ("gram",)
    with pytest.raises(ValueError, match="--scales takes at least one value"):
        Settings(scales=())


FLAGS = [each.flag for each in SETTINGS.values() if not (each.is_switch or each.is_path)]


@pytest.mark.parametrize("flag", spot_checks(FLAGS, keep=(0, 3, 4)))
def test_a_flag_with_an_impossible_value_is_bad_usage(command, plans, flag):
    for value in ("9" * 400, "9" * 5000, ",", "²", "1e999", "nan", "--", "-1e308", "\ud800", "a\0b"):
        status, _, err = command(flag, value)
        assert (status, plans) == (2, []), value
        assert err.startswith("neural_style: error: "), value


def test_the_settings_in_a_picture_obey_the_rules_of_the_flags(command, plans):
    for flags in (
        ["--seed", "9" * 50],
        ["--scales", ","],
        ["--iterations", "9" * 5000],
        ["--initial", "content.png"],
        ["--initial", "a\0b"],
        ["--width", "\ud800"],
        ["--output", "other.png"],
        ["--seed", "1", "content.png"],
        ["--style-layers", "relu1_1", "--style-layers", "relu1_1"],
    ):
        write.save("made.png", np.zeros((3, 4, 3), np.float32), metadata={"flags": flags})
        status, _, err = command("--settings-from", "made.png")
        assert status in (1, 2), flags
        assert err.startswith("neural_style: error: "), flags
        assert plans == []
    write.save("made.png", np.zeros((3, 4, 3), np.float32), metadata={"flags": ["--initial", "content", "--seed", "9"]})
    assert command("--settings-from", "made.png")[0] == 0
    assert plans[0].settings.seed == 9


LONG = "c{:0999999999}.png c{:.99999999}.png c{:{}}.png c{:>{0}}.png c%0999999999d.png c%*d.png c{content:>99999}{}.png"
SAME = "c{!r:>9999}.png c{:c}.png c{:g}.png c{:e}.png c%c.png c%g.png c{0.x}.png c{"


@pytest.mark.parametrize("template", spot_checks(words(f"{LONG} {SAME}"), keep=(0, 4, 9)))
def test_a_template_is_short_and_of_different_names(command, plans, template):
    status, _, err = command("--checkpoint-iterations", 1, "--checkpoint-output", template)
    assert (status, plans) == (2, [])
    assert f"--checkpoint-output {template} has no place for the iteration; write it as in" in err


@pytest.mark.parametrize(
    "template", ["c{:05}.png", "c%05d.png", "c{}.png", "c{:f}.png", "c{:x}-{content:>20}.png", "%i.png"]
)
def test_other_templates_are_accepted(template):
    assert outputs._is_bounded(template)
    job = Job("a.png", ["s.png"], "o.png", template, None, None, None)
    assert job.checkpoint(1) != job.checkpoint(2)


@pytest.fixture
def saved(command):
    """(state, height, width) of a run with an optimiser, from a file, and whether it fits with changes."""

    def make(optimizer):
        flags = ["--optimizer", optimizer, "--initial", "content", "--state", f"{optimizer}.state"]
        assert command(*flags, "--overwrite", iterations=3)[0] == 0
        saved = state.read(f"{optimizer}.state")
        settings = Settings(optimizer=optimizer, initial="content", iterations=3)
        assert state.fits(saved.state, settings, 30, 40)

        def fits(**changes):
            arrays = {name: value for name, value in changes.items() if name in saved.state.optimizer}
            fields = {name: value for name, value in changes.items() if name not in arrays}
            changed = saved.state._replace(optimizer=saved.state.optimizer | arrays, **fields)
            return state.fits(changed, settings, 30, 40)

        return saved, fits

    return make


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
def test_a_state_with_numbers_that_no_run_writes_is_damaged(command, saved, optimizer):
    made, fits = saved(optimizer)
    arrays = {"image": made.state.image, "kept": made.state.kept} | made.state.optimizer
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            for value in (np.nan, np.inf, -np.inf):
                assert not fits(**{name: np.full_like(array, value)}), (name, value)
    for name in ("image", "kept"):
        assert not fits(**{name: np.full_like(made.state.image, 1e38)})
    assert not fits(lowest=np.nan)
    assert not fits(lowest=-np.inf)
    assert not fits(index=10**50)
    assert fits(index=2)
    if optimizer == "lbfgs":
        products = made.state.optimizer["products"]
        for singular in (np.zeros_like(products), -products, products * [[[1]], [[0]]]):
            assert not fits(products=singular)
    else:
        assert not fits(second_moment=made.state.optimizer["second_moment"] - np.float32(1e9))
        for name in ("beta1_power", "beta2_power"):
            assert not fits(**{name: np.float32(1)})
            assert not fits(**{name: np.float32(-0.5)})
    kept = np.full_like(made.state.kept, np.nan)
    state.write("kept.state", dataclasses.replace(made, state=made.state._replace(kept=kept, lowest=-np.inf)))
    status, _, err = command("--resume", "kept.state", "--overwrite", "--iterations", 5, defaults=False)
    assert (status, err.splitlines()[-1]) == (1, "neural_style: error: cannot resume kept.state: damaged")


@pytest.mark.parametrize("place", ["command", "directory", "place", "picture_paths", "written"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800"], ids=["null", "surrogate"])
def test_texts_of_a_state_can_be_names(tmp_path, place, text):
    image = np.zeros((3, 4, 3), np.float32)
    made = state.Saved(state.State(0, 1, image, image, 1.0, {}), {}, {}, [])
    value = {"command": [text], "picture_paths": (text,), "written": {text: "1"}}.get(place, text)
    state.write(tmp_path / "a.state", dataclasses.replace(made, **{place: value}))
    if place != "place":  # `write` says where it is
        with pytest.raises(StateError, match="damaged"):
            state.read(tmp_path / "a.state")


def test_what_a_state_names_is_read_with_care(command, folder):
    """A pipe is refused, not waited for; another network or picture is not the run's."""
    assert command("--state", "a.state")[0] == 0
    made = state.read("a.state")
    os.mkfifo("pipe")
    for flag in ("--network", "--settings-from", "--initial"):
        changed = dataclasses.replace(made, command=[*made.command, flag, "pipe"])
        state.write("b.state", changed)
        status, _, err = command("--resume", "b.state", "--overwrite", "--iterations", 3, defaults=False)
        assert status in (1, 2), flag
        assert "Traceback" not in err
        assert "pipe" in err


OVERFLOWS = [
    "--optimizer lbfgs --style-weight 1e25",
    "--style-loss wasserstein --learning-rate 1e20",
    "--optimizer lbfgs --style-weight 1e36 --initial content",
    "--style-loss wasserstein nearest --learning-rate 1e38",
    "--learning-rate 1e38 --colors luma --tile-size 16",
]


@pytest.mark.parametrize("flags", spot_checks(OVERFLOWS, keep=(0, 1)))
def test_numbers_that_overflow_are_said_or_computed(command, flags):
    status, _, err = command(*words(flags), iterations=4)
    lines = [line for line in err.splitlines() if "error" in line]
    assert status == bool(lines)
    assert all("not finite" in line for line in lines)
    assert lines or "ended after" not in err


def test_a_content_of_one_pixel(command):
    write.save("dot.png", np.full((1, 1, 3), 99, np.float32))
    assert command("--content", "dot.png", "--colors", "match")[0] == 0
