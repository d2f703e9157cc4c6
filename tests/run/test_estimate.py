"""Estimates: the dry run, what is said of the time that a run takes, and the flags that make it minutes."""

import itertools
import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

import neural_style
from brushwork.engine import memory
from brushwork.engine.objective import Objective
from brushwork.errors import DoesNotFit
from brushwork.pictures.masks import Masks
from brushwork.run import estimate
from brushwork.schedule import make_schedule
from brushwork.settings import Settings
from brushwork.watch import report
from brushwork.watch.progress import clock
from tests.helpers.command import words
from tests.watch.steps import Clock


def test_dry_run(command, folder):
    before = sorted(path.name for path in folder.iterdir())
    status, out, err = command("--dry-run", "--scales", 2, "--tile-size", 16, "--content-weight-blend", 0.5)
    assert status == 0, err
    assert sorted(path.name for path in folder.iterdir()) == before
    lines = out.splitlines()
    assert lines[0] == "content layers: relu4_2:2.5, relu5_2:2.5"
    assert re.fullmatch(r"scale 1 of 2: 20x15, 2 iterations, in tiles of 16 pixels, 0\.\d\d GB, \d+ s", lines[3])
    assert re.fullmatch(r"scale 2 of 2: 40x30, 1 iterations, in tiles of 16 pixels, 0\.\d\d GB, \d+ s", lines[4])
    assert re.fullmatch(r"memory: 0\.\d\d GB of \d+\.\d\d GB", lines[5])
    assert re.fullmatch(r"time: \d+ s", lines[6])


def test_a_dry_run_that_is_shown_tells_its_pace(folder, capfd):
    shown = []

    def show(steps, plan):
        shown.append((list(steps), plan.pace > 0, plan.precision))
        return (step for step in ())

    flags = "--content content.png --styles style.png --output x.png --network net.mat --dry-run"
    assert neural_style.main(words(flags), show=show) == 0
    assert shown == [([], True, "float32")]
    assert capfd.readouterr().out == ""


class Timed:
    """An objective whose evaluations take 5 s and then 3 s."""

    def __init__(self, clock):
        self.clock, self.durations, self.targets = clock, [5.0, 3.0], None

    def set_targets(self, content, styles, masks, tile_size):
        self.targets = content, styles, masks, tile_size

    def evaluate(self, image):
        assert image is self.targets[0]
        self.clock.now += self.durations.pop(0)


def timed_plan(size, **changes):
    content = np.full((*size, 3), 9, np.float32)
    plan = {"settings": Settings(), "styles": [content[:40], content], "masks": Masks(), "precision": "float32"}
    plan = SimpleNamespace(**plan | {"content": content, "tile_sizes": (None,)} | changes)
    plan.schedule = make_schedule(plan.settings, *size, plan.tile_sizes)
    return plan


@pytest.fixture
def timed(monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(time, "perf_counter", lambda: clock.now)
    return Timed(clock)


@pytest.mark.parametrize(("size", "piece"), [((600, 100), (512, 100)), ((40, 700), (40, 512))])
def test_the_second_evaluation_of_a_piece_is_timed(timed, size, piece):
    plan = timed_plan(size, masks=Masks((1, 1), None, (1, 1)))
    assert estimate.seconds_per_cost(plan, timed) == pytest.approx(3 / (piece[0] * piece[1] + 20_000))
    content, styles, masks, tile_size = timed.targets
    assert (content.shape[:2], len(styles), tile_size) == (piece, 2, None)
    assert [mask.shape for mask in (*masks.styles, *masks.sources)] == [piece] * 4
    assert masks.content is None
    assert all((mask == 1).all() for mask in masks.styles)


def test_the_kinds_of_masks_are_those_of_the_plan(timed):
    plan = timed_plan((20, 30), masks=Masks((), np.zeros((20, 30)), ()))
    estimate.seconds_per_cost(plan, timed)
    masks = timed.targets[2]
    assert (masks.styles, masks.content.shape, masks.sources) == ((), (20, 30), ())


def test_the_lines_of_a_dry_run_by_hand(timed, monkeypatch, tiny):
    asked = []

    def estimated(workload, tile_size):
        asked.append((workload.precision, workload.size, workload.style_sizes, tile_size, workload.mask_count))
        return 3e9 if workload.size == (20, 30) else 2e9

    monkeypatch.setattr(memory, "estimate", estimated)
    monkeypatch.setattr(memory, "available", lambda: 16e9)
    settings = Settings(scales=(2,), scale_iterations=(100, 7), content_weight=0, optimizer="lbfgs")
    masks = Masks((np.ones((40, 60)),) * 2)
    plan = timed_plan((40, 60), settings=settings, masks=masks, tile_sizes=(None, 32), network=tiny)
    plan.styles[0] = plan.styles[0][:20]
    lines = list(estimate.describe(plan, timed))
    # 3 s for 40 x 60 px and the overhead of 20,000; two tiles of 40 x 60 px that pass through the network 4 / 3 times.
    # At a scale its iterations, each 1.05 evaluations, the start, and a third of each style.
    small = 3 * 20_600 / 22_400 * (100 * 1.05 + 1 + 2 / 3)
    large = 3 * (20_000 + 4 / 3 * 4 * 40 * 60) / 22_400 * (7 * 1.05 + 1 + 2 / 3)
    assert lines == [
        "content layers: none",
        "style layers: relu1_1:100, relu2_1:100, relu3_1:100, relu4_1:100, relu5_1:100",
        "optimizer: lbfgs, precision: float32, network: 16 layers",
        f"scale 1 of 2: 30x20, 100 iterations, 3.00 GB, {clock(small)}",
        f"scale 2 of 2: 60x40, 7 iterations, in tiles of 32 pixels, 2.00 GB, {clock(large)}",
        "memory: 3.00 GB of 16.00 GB",
        f"time: {clock(small + large)}",
    ]
    assert asked == [
        ("float32", (20, 30), [(10, 30), (20, 30)], None, 2),
        ("float32", (40, 60), [(20, 60), (40, 60)], 32, 2),
    ]


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
    assert estimate.rounded(seconds) == text


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
        (
            plan_of((300, 400)),  # 16,740 s, of which 600 s would be a width of 75 px; at 256 px they are 6857 s
            111_600,
            1,
            "this picture takes about 31 h; with --preset fast --width 256 it takes about 1 h 54 min",
        ),
        (plan_of((60, 80)), 111_600, 1, "this picture takes about 31 h; with --preset fast it takes about 4 h 39 min"),
    ],
)
def test_what_is_said(plan, seconds, pictures, expected):
    assert estimate.duration(plan, seconds, pictures) == expected


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
    assert estimate.suggested_scales(Settings(**settings), size) == expected


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
    monkeypatch.setattr("brushwork.run.plan.time", clock.time)  # otherwise the deadline depends on the machine's uptime

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
    monkeypatch.setattr(estimate, "seconds_per_cost", lambda plan, objective: 2e-5)
    status, out, err = command("--dry-run", "--width", 1200, iterations=1000)
    assert status == 0
    assert re.search(
        r"^time: \d+ h .*; with --preset fast --iterations 150 --width \d+ it takes about \d+ min$", out, re.M
    )
    assert out.splitlines()[-1] == "suggestion: --scales 2 lets the brush strokes grow with the picture"
    assert "content.png is enlarged from a width of 40 to 1200 pixels" in err
    assert "suggestion" not in command("--dry-run", "--width", 100, iterations=1000)[1]
