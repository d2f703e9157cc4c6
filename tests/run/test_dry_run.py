"""The dry run."""

import re
import time
from types import SimpleNamespace

import numpy as np
import pytest

from brushwork.engine import memory
from brushwork.pictures.masks import Masks
from brushwork.run import dry_run
from brushwork.schedule import make_schedule
from brushwork.settings import Settings


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


class Timed:
    """An objective whose evaluations take 5 s and then 3 s."""

    def __init__(self, clock):
        self.clock, self.durations, self.aimed = clock, [5.0, 3.0], None

    def aim(self, content, styles, masks, tile_size):
        self.aimed = content, styles, masks, tile_size

    def evaluate(self, image):
        assert image is self.aimed[0]
        self.clock.now += self.durations.pop(0)


def plan_of(size, **changes):
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
    plan = plan_of(size, masks=Masks((1, 1), None, (1, 1)))
    assert dry_run.seconds_per_cost(plan, timed) == pytest.approx(3 / (piece[0] * piece[1] + 20_000))
    content, styles, masks, tile_size = timed.aimed
    assert (content.shape[:2], len(styles), tile_size) == (piece, 2, None)
    assert [mask.shape for mask in (*masks.styles, *masks.sources)] == [piece] * 4
    assert masks.content is None
    assert all((mask == 1).all() for mask in masks.styles)


def test_the_kinds_of_masks_are_those_of_the_plan(timed):
    plan = plan_of((20, 30), masks=Masks((), np.zeros((20, 30)), ()))
    dry_run.seconds_per_cost(plan, timed)
    masks = timed.aimed[2]
    assert (masks.styles, masks.content.shape, masks.sources) == ((), (20, 30), ())


@pytest.mark.parametrize(
    ("seconds", "text"), [(59.4, "0 min 59 s"), (59.6, "1 min 0 s"), (3599, "59 min 59 s"), (7260, "2 h 1 min")]
)
def test_a_duration_in_words(seconds, text):
    assert dry_run._clock(seconds) == text


def test_the_lines_of_a_dry_run_by_hand(timed, monkeypatch, tiny):
    asked = []
    monkeypatch.setattr(memory, "estimate", lambda *run: asked.append(run) or (3e9 if run[3] == (20, 30) else 2e9))
    monkeypatch.setattr(memory, "available", lambda: 16e9)
    settings = Settings(scales=(2,), scale_iterations=(100, 7), content_weight=0, optimizer="lbfgs")
    masks = Masks((np.ones((40, 60)),) * 2)
    plan = plan_of((40, 60), settings=settings, masks=masks, tile_sizes=(None, 32), network=tiny)
    plan.styles[0] = plan.styles[0][:20]
    lines = list(dry_run.describe(plan, timed))
    # 3 s for 40 x 60 px and the overhead of 20,000; two tiles of 40 x 60 px that pass through the network 4 / 3 times.
    # At a scale its iterations, each 1.05 evaluations, the start, and a third of each style.
    small = 3 * 20_600 / 22_400 * (100 * 1.05 + 1 + 2 / 3)
    large = 3 * (20_000 + 4 / 3 * 4 * 40 * 60) / 22_400 * (7 * 1.05 + 1 + 2 / 3)
    assert lines == [
        "content layers: none",
        "style layers: relu1_1:100, relu2_1:100, relu3_1:100, relu4_1:100, relu5_1:100",
        "optimizer: lbfgs, precision: float32, network: 16 layers",
        f"scale 1 of 2: 30x20, 100 iterations, 3.00 GB, {dry_run._clock(small)}",
        f"scale 2 of 2: 60x40, 7 iterations, in tiles of 32 pixels, 2.00 GB, {dry_run._clock(large)}",
        "memory: 3.00 GB of 16.00 GB",
        f"time: {dry_run._clock(small + large)}",
    ]
    assert [run[2:] for run in asked] == [
        ("float32", (20, 30), [(10, 30), (20, 30)], None, 2),
        ("float32", (40, 60), [(20, 60), (40, 60)], 32, 2),
    ]
