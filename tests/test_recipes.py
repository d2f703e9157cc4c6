"""Every command and flag of docs/recipes.md is accepted as it is printed, and changes something."""

import dataclasses
import re
import shlex

import pytest

from brushwork.presets import PRESETS
from brushwork.settings import Settings, option
from tests.helpers import documents

RECIPES = documents.DOCS["recipes.md"]
COMMANDS = documents.commands(RECIPES)
FLAGS = [flags for flags in dict.fromkeys(re.findall(r"`(--[^`]+)`", RECIPES)) if flags not in "\n".join(COMMANDS)]
BASE = "--content photo.jpg --styles painting.jpg --output out.png"
SMALL = ("--width", "120", "--network", "net.mat")
EXPECTED = r"neural_style: (computing in|picture \d+ of|the (contents|styles) in|\d+ done|wrote|(skipped in))"


@pytest.fixture
def pictures(folder):
    documents.make_pictures(180, 240)


def without_effect(settings, arguments):
    """The flags among the arguments that give a field of Settings the value that it would have without them."""
    preset = arguments[arguments.index("--preset") + 1]
    before = Settings(**PRESETS[preset])
    fields = [field.name for field in dataclasses.fields(Settings) if option(field.name) in arguments]
    return [name for name in fields if getattr(settings, name) == getattr(before, name)]


def check(command, plans, arguments):
    """That the command accepts the arguments, has nothing to say about them, and none changes nothing."""
    status, _, err = command(*arguments, *SMALL, defaults=False)
    assert status == 0, err
    assert [line for line in err.splitlines() if not re.match(EXPECTED, line)] == []
    assert plans
    for plan in plans:
        assert without_effect(plan.settings, arguments) == []


def test_there_are_recipes():
    assert len(COMMANDS) >= 9
    assert len(FLAGS) >= 9


@pytest.mark.parametrize("line", COMMANDS)
def test_a_recipe(command, pictures, plans, line):
    check(command, plans, shlex.split(line))


@pytest.mark.parametrize("flags", FLAGS)
def test_a_flag(command, pictures, plans, flags):
    preset = "" if "--preset" in flags else "--preset painterly"
    check(command, plans, shlex.split(f"{preset} {flags} {BASE}"))


def test_a_recipe_paints(command, pictures):
    status, _, err = command(*shlex.split(COMMANDS[0]), *SMALL, "--width", "40", "--iterations", "1", defaults=False)
    assert status == 0, err
    assert "wrote out.jpg" in err


def test_the_pictures_are_made_with_the_flags_below_them():
    from tools import gallery

    rows = re.findall(r"^(\|.*\]\(.*)\n\|[-|]+\n(\|.*)$", RECIPES, re.M)
    shown = []
    for pictures, captions in rows:
        names = re.findall(r"gallery/([\w.-]+)\.jpg\)", pictures)
        for name, caption in zip(names, re.findall(r"`([^`]+)`", captions), strict=True):
            flags = gallery.PICTURES[name][2].replace("examples/gallery/", "")
            assert all(word in flags.split() for word in caption.split()), name
            shown.append(name)
    assert len(shown) == RECIPES.count(".jpg)")
