"""Films: whole shots dealt to workers."""

import os
from pathlib import Path

import pytest

import neural_style
from brushwork.cluster import shots
from brushwork.cluster.painting import Painted
from brushwork.cluster.shots import Shots
from brushwork.run.networks import network_reader
from brushwork.video.plan import make_film_plan
from tests.cluster.test_pictures import FakeCluster, finish
from tests.helpers.command import FAST

PIECES = [range(0, 3), range(3, 4)]  # of the frames 2, 4, 6, 8 of a clip


class FakePainter:
    """What was decided when the film began."""

    def __init__(self, *tile_sizes):
        self.tile_sizes = tile_sizes

    def facts(self):
        return {"precision": "bfloat16", "tile_sizes": self.tile_sizes}


@pytest.fixture
def make(folder):
    """make(flags) -> the FilmPlan of a command line."""
    os.mkdir("frames")
    for number in range(1, 9):
        Path(f"frames/f{number}.png").write_bytes(Path("content.png").read_bytes())

    def make(*flags, output="out/f%d.png"):
        given = ["--content", "frames/f%d.png", "--styles", "style.png", "--output", output, "--network", "net.mat"]
        options = neural_style.parse([*given, "--frames", "2:8:2", *FAST.split(), *flags])
        film = make_film_plan(options, network_reader(options))
        film.files.prepare()
        return film

    return make


def orders_of(film, cluster, finished, decided=("--precision", "float32")):
    return Shots(PIECES, film, cluster, cluster, decided=decided, finished=finished)


def test_the_frames_of_shots_are_written(make):
    film, cluster, finished = make(), FakeCluster("a", "b"), {3}
    cluster.answer = lambda order: Painted(0, [b"one", b"two", b"three"] if order.number == 1 else [b"four"])
    finish(orders := orders_of(film, cluster, finished), cluster)
    assert orders.counts == {"done": 2, "failed": 0, "skipped": 0}
    assert finished == {0, 1, 2, 3}
    expected = {"f2.png": b"one", "f4.png": b"two", "f6.png": b"three", "f8.png": b"four"}
    assert {name: Path("out", name).read_bytes() for name in os.listdir("out")} == expected
    assert orders.progress == (4, 4)


def test_the_command_of_a_shot(make):
    flags = "--precision auto --fps 12 --state some.state --max-seconds 600 --width 30 --frame-iterations 7".split()
    film, cluster, here = make(*flags), FakeCluster("a"), os.getcwd()
    decided = ["--precision", "float32", "--tile-size", "none"]
    orders_of(film, cluster, set(), decided).step()
    order = cluster.futures[0].order
    contents = [f"{here}/frames/f{number}.png" for number in range(1, 9)]
    assert list(order.command) == [
        *(*FAST.split(), "--width", "30", "--frame-iterations", "7", "--network", f"{here}/net.mat"),
        *("--content", *contents, "--styles", f"{here}/style.png", "--frames", "2:6:2", *decided),
    ]
    assert (order.output, order.is_shot) == ("frame-%06d.png", True)
    assert set(order.files) == {*contents, f"{here}/style.png", f"{here}/net.mat"}


def test_colours_of_the_content_are_for_the_driver(make):
    """They are applied at the end: the next frame follows from one without."""
    film, cluster = make("--preserve-colors", "--color-strength", "0.5"), FakeCluster("a")
    orders_of(film, cluster, set()).step()
    assert not {"--preserve-colors", "--colors", "--color-strength", "0.5"} & set(cluster.futures[0].order.command)


def test_frames_have_the_format_in_which_they_are_kept(make):
    for output, expected in (("out/f%d.jpg", ".jpg"), ("film.mp4", ".png")):
        cluster = FakeCluster("a")
        orders_of(make(output=output), cluster, set()).step()
        assert cluster.futures[0].order.output == f"frame-%06d{expected}"


def test_a_shot_that_fails_is_left_to_the_driver(make, logged):
    film, cluster, finished = make(), FakeCluster("a"), set()
    cluster.answer = lambda order: Painted(1, [], [("error", "it is not finite")]) if order.number == 1 else Painted(0)
    finish(orders := orders_of(film, cluster, finished), cluster)
    assert finished == set()
    assert orders.counts["failed"] == 1
    assert ("warning", "frames 2 to 6: it is not finite") in logged
    assert not any(level == "error" for level, _ in logged)


def test_what_is_decided_for_all_workers(make):
    film = make()
    assert shots._decided(film, FakePainter(None, None)) == ["--precision", "bfloat16", "--tile-size", "none"]
    assert shots._decided(film, FakePainter(64, 64)) == ["--precision", "bfloat16", "--tile-size", "64"]
    assert shots._decided(film, FakePainter(None, 64)) is None
    film = make("--tile-size", "64", output="again/f%d.png")
    assert shots._decided(film, FakePainter(None, 64)) == ["--precision", "bfloat16"]
