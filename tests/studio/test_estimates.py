"""Estimates: size and time of a picture before it is painted."""

import threading

import pytest
from PIL import Image

from brushwork.engine import memory
from brushwork.errors import DoesNotFit
from brushwork.run.worker import Measured, Progress
from brushwork.schedule import EVALUATION_OVERHEAD
from brushwork.studio import estimates as module
from brushwork.studio.estimates import Estimates
from brushwork.studio.refusals import Wrong
from brushwork.studio.storage import Storage


@pytest.fixture
def storage(tmp_path):
    """A storage with a photograph of 90x60 px, and a request for it."""
    storage, numbers = Storage(tmp_path / "storage"), []
    for seed, size in enumerate(((90, 60), (40, 40))):
        Image.new("RGB", size, (seed, 9, 9)).save(tmp_path / "x.png")
        numbers.append(storage.uploads.add(tmp_path / "x.png", "x").number)
    storage.asked = {"content": numbers[0], "styles": [{"picture": numbers[1]}], "preset": "fast"}
    storage.asked["settings"] = {"iterations": "10", "long_side": 60}
    return storage


@pytest.fixture
def made(storage, tiny_file):
    """Estimates that make no dry run."""
    made = Estimates(storage, network=str(tiny_file))
    made._closing.set()
    return made


def progress(pace):
    return Progress(10, 10, 1, 1, (60, 40), {"total": 1.0}, 1.0, 30.0, b"", (60, 40), 1.0, pace)


def test_the_size_of_the_result(made, storage):
    found = made.of(storage.asked)
    assert (found["width"], found["height"], found["is_smaller"], found["enlarged"]) == (60, 40, False, None)
    assert (found["seconds"], found["time"], found["measuring"]) == (None, None, False)
    assert found["scales"] == [{"width": 60, "height": 40, "iterations": 10}]


@pytest.mark.parametrize(
    ("settings", "size", "enlarged"),
    [
        ({"long_side": 180}, (90, 60), {"settings": {"width": 180}, "width": 180, "height": 120}),
        ({"long_side": 90}, (90, 60), None),
        ({}, (90, 60), None),
        ({"long_side": 180, "width": "30"}, (30, 20), None),
        ({"long_side": 180, "height": "120"}, (180, 120), None),
    ],
)
def test_a_photograph_that_is_smaller_than_the_size(made, storage, settings, size, enlarged):
    found = made.of(storage.asked | {"settings": settings})
    assert (found["width"], found["height"]) == size
    assert (found["is_smaller"], found["enlarged"]) == (enlarged is not None, enlarged)


def test_the_time_is_the_cost_times_the_pace_of_earlier_pictures(made, storage):
    made.record(storage.asked, progress(1e-3), 2.0)
    found = made.of(storage.asked | {"settings": {"iterations": "20", "long_side": 180}})
    evaluations = 20 + 1
    assert found["seconds"] == pytest.approx(2 + 1e-3 * evaluations * (90 * 60 + EVALUATION_OVERHEAD))
    assert found["time"] == "9 min"
    assert found["enlarged_seconds"] == pytest.approx(2 + 1e-3 * evaluations * (180 * 120 + EVALUATION_OVERHEAD))
    other = Estimates(storage, network=made._network)
    assert other.of(storage.asked)["seconds"] == made.of(storage.asked)["seconds"]  # of an earlier server
    made.record(storage.asked, progress(None), 2.0)
    assert made.number == 1


def test_other_losses_have_a_pace_of_their_own(made, storage):
    made.record(storage.asked, progress(1e-3), 2.0)
    for settings in ({"style_loss": "wasserstein"}, {"content_layers": "relu1_1"}, {"pooling": "avg"}):
        assert made.of(storage.asked | {"settings": settings})["seconds"] is None
    assert made.of(storage.asked | {"settings": {"seed": "7", "tv_weight": "3"}})["seconds"]


def test_pictures_that_come_before(made, storage):
    before = [(storage.asked, progress(1e-3)), (storage.asked, None)]
    assert made.of(storage.asked, before)["waiting_time"] is None  # the second one's is unknown
    made.record(storage.asked, progress(1e-3), 2.0)
    found = made.of(storage.asked, before)
    assert (found["waiting"], found["waiting_time"]) == (2, module.rounded(30 + found["seconds"]))


def test_what_does_not_fit_is_told(made, storage, monkeypatch):
    def refuse(workload):
        raise DoesNotFit("the run takes too much memory")

    monkeypatch.setattr(memory, "tile_sizes", refuse)
    found = made.of(storage.asked)
    assert (found["refusal"], found["seconds"], found["width"]) == ("the run takes too much memory", None, 60)


def test_tiles_take_longer(made, storage, monkeypatch):
    made.record(storage.asked, progress(1e-3), 2.0)
    untiled = made.of(storage.asked)["seconds"]
    monkeypatch.setattr(memory, "tile_sizes", lambda workload: [16])
    assert made.of(storage.asked)["seconds"] > 4 / 3 * untiled - 2


def test_a_wrong_value_is_refused_as_for_painting(made, storage):
    with pytest.raises(Wrong, match="--tv-weight must be a number not below 0, not -1"):
        made.of(storage.asked | {"settings": {"tv_weight": "-1"}})


class _Worker:
    """Makes a dry run at once; `measured` is what it measures, or None if it fails."""

    measured, tasks = Measured(1e-3, "float32"), []

    def __init__(self, receive):
        self.receive, self.is_alive = receive, True

    def carry_out(self, argv):
        self.tasks.append(argv)
        if self.measured:
            self.receive(self, "measured", self.measured)
        self.receive(self, "ended", 0)

    def stop(self):
        pass

    def wait(self, seconds):
        pass


@pytest.mark.parametrize("succeeds", [True, False])
def test_an_unknown_pace_is_measured_once_nothing_else_runs(storage, tiny_file, monkeypatch, succeeds):
    changed, busy = threading.Event(), [True, True, False]
    monkeypatch.setattr(module, "Worker", _Worker)
    monkeypatch.setattr(_Worker, "measured", _Worker.measured if succeeds else None)
    monkeypatch.setattr(_Worker, "tasks", [])
    made = Estimates(storage, network=str(tiny_file), is_busy=lambda: busy.pop(0), changed=changed.set)
    for _ in range(2):
        assert made.of(storage.asked)["measuring"]
    assert changed.wait(60)
    (argv,) = _Worker.tasks
    assert argv[-1] == "--dry-run"
    assert busy == []
    found = made.of(storage.asked)
    assert (found["measuring"], found["seconds"] is not None, made.number) == (False, succeeds, int(succeeds))
    made.close()


def test_paces_that_are_damaged_are_not_used(storage, tiny_file):
    for text in ("{", "7", '{"start": "x", "a": -1.0, "b": 2.0}'):
        storage.paces.write_text(text)
        assert Estimates(storage, network=str(tiny_file))._paces == ({"b": 2.0} if "b" in text else {})
