"""How long a run will take: measured by its first iterations, said in words, with the flags that make it minutes."""

import itertools
import re
from types import SimpleNamespace

import numpy as np
import pytest

from brushwork.errors import DoesNotFit
from brushwork.run import duration
from brushwork.settings import Settings
from brushwork.watch import report
from stylize import Objective
from tests.helpers.command import words
from tests.watch.steps import Clock


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (91, "2 min"),
        (3599, "60 min"),
        (5400, "1 h 30 min"),
        (7210, "2 h"),
        (111_600, "31 h"),
    ],
)
def test_durations_in_words(seconds, text):
    assert duration.words(seconds) == text


def plan_of(size=(3000, 4000), deadline=np.inf, resume=None, options=None, **settings):
    given = SimpleNamespace(**{"settings_from": None, **(options or {})})
    content = SimpleNamespace(shape=(*size, 3))
    rest = {"deadline": deadline, "resume": resume, "options": given}
    return SimpleNamespace(settings=Settings(**settings), content=content, **rest)


@pytest.mark.parametrize(
    ("plan", "seconds", "pictures", "expected"),
    [
        (plan_of(), 40, 1, "this picture takes about 40 s"),
        (plan_of(), 40, 9, "this picture takes about 40 s, and all 9 about 6 min"),
        (plan_of(), 3600, 1, "this picture takes about 60 min"),
        # 31 h * 0.15 / (4000 / 736)^2
        (plan_of(), 111_600, 1, "this picture takes about 31 h; with --preset fast --width 736 it takes about 9 min"),
        (plan_of(), 4000, 1, "this picture takes about 67 min; with --preset fast it takes about 10 min"),
        (
            plan_of(optimizer="lbfgs", iterations=150),
            14_400,
            1,
            "this picture takes about 4 h; with --width 800 it takes about 10 min",
        ),
        (
            plan_of(iterations=2000, options={"iterations": 2000}),
            8000,
            1,
            "this picture takes about 2 h 13 min; with --preset fast --iterations 150 it takes about 10 min",
        ),
        (
            plan_of(options={"settings_from": "a.png"}),
            4000,
            1,
            "this picture takes about 67 min; "
            "with --optimizer lbfgs --initial content --iterations 150 it takes about 10 min",
        ),
        (plan_of(resume=1), 111_600, 1, "this picture takes about 31 h"),
        (plan_of(deadline=9.0), 111_600, 1, "this picture would take about 31 h; --max-seconds ends it in time"),
        (plan_of((60, 80)), 111_600, 1, "this picture takes about 31 h; with --preset fast it takes about 4 h 39 min"),
    ],
)
def test_what_is_said(plan, seconds, pictures, expected):
    assert duration.sentence(plan, seconds, pictures) == expected


@pytest.mark.parametrize(
    ("size", "settings", "expected"),
    [
        ((700, 1024), {}, None),
        ((700, 1025), {}, 2),
        ((2048, 900), {}, 2),
        ((2160, 3840), {}, 3),
        ((2160, 3840), {"scales": (2,)}, None),
    ],
)
def test_scales_are_suggested_for_a_print(size, settings, expected):
    assert duration.suggested_scales(Settings(**settings), size) == expected


def test_every_run_says_how_long_it_takes(command):
    for flags in ("", "--optimizer lbfgs --tile-size 16", "--scales 2"):
        status, _, err = command(*words(flags), "--overwrite", iterations=8)
        assert status == 0
        assert re.findall(r"neural_style: this picture takes about \d+ s\n", err) != []
    assert "takes about" not in command("--overwrite", "--quiet", iterations=8)[2]


def test_a_batch_says_it_once(command):
    flags = words("--content content.png other.png --styles style.png --network net.mat --iterations 8")
    _, _, err = command(*flags, "--output", "out/", defaults=False)
    assert len(re.findall(r"this picture takes about \d+ s, and all 2 about \d+ s\n", err)) == 1
    assert err.count("takes about") == 1


def test_a_long_run_names_the_flags_that_make_it_minutes(command, monkeypatch):
    """A clock on which an evaluation takes as long as at twelve megapixels."""
    clock, evaluate, evaluations = Clock(), Objective.evaluate, itertools.count()
    monkeypatch.setattr(report, "time", clock.time)

    def slowly(self, image):
        clock.now += 112
        if next(evaluations) == 40:  # the sentences are said
            raise DoesNotFit("enough")
        return evaluate(self, image)

    monkeypatch.setattr(Objective, "evaluate", slowly)
    given = words("--content content.png --styles style.png --output out.png --network net.mat --max-seconds 500")
    _, _, err = command(*given, defaults=False)
    assert "this picture would take about 31 h; --max-seconds ends it in time" in err
    _, _, err = command(
        "--checkpoint-iterations", 1000, "--checkpoint-output", "c{}.png", iterations=300, output="b.png"
    )
    assert "this picture takes about 9 h 20 min; with --preset fast --iterations 150 it takes about 4 h 40 min" in err


def test_a_dry_run_of_a_print_suggests_scales_and_faster_flags(command, monkeypatch):
    from brushwork.run import dry_run

    monkeypatch.setattr(dry_run, "seconds_per_cost", lambda plan, objective: 2e-5)
    status, out, err = command("--dry-run", "--width", 1200, iterations=1000)
    assert status == 0
    assert re.search(
        r"^time: \d+ h .*; with --preset fast --iterations 150 --width \d+ it takes about \d+ min$", out, re.M
    )
    assert out.splitlines()[-1] == "suggestion: --scales 2 lets the brush strokes grow with the picture"
    assert "content.png is enlarged from a width of 40 to 1200 pixels" in err
    assert "suggestion" not in command("--dry-run", "--width", 100, iterations=1000)[1]
