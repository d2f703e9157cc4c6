"""Tiles on workers: the numbers of one process, bit for bit, whoever computes them and whatever happens to them."""

import functools
import pickle
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from brushwork.cluster import dealing, heartbeats
from brushwork.cluster import members as members_module
from brushwork.cluster import tile_map as tile_map_module
from brushwork.cluster.actor import MEMORY, Failure
from brushwork.cluster.members import Members
from brushwork.cluster.tile_map import TileMap
from brushwork.engine import tile_graph
from brushwork.errors import ClusterLost, Interrupted
from brushwork.pictures.masks import Masks
from brushwork.settings import Settings
from stylize import make_objective
from tests.cluster.fakes import FakeClient, own_facts, until
from tests.helpers.tiny_networks import FEW_LAYERS, tiny_network

SIZE = 60, 40  # in tiles of 16 px: 12
LOSSES = {
    "gram": {},
    "masks": {"masks": True},
    "two styles": {"styles": 2},
    "nearest": {"style_loss": ("wasserstein:1", "nearest:0.5")},
    "wasserstein": {"style_loss": ("wasserstein",), "style_weight": 1.0, "padding": "replicate"},
    "bfloat16": {"precision": "bfloat16"},
}


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    """The scheduler is asked often, and the workers of a recipe share a graph."""
    monkeypatch.setattr(members_module, "EVERY", 0.02)
    monkeypatch.setattr(tile_graph, "TileGraph", shared_graph)


_graphs = {}


def shared_graph(recipe):
    """A TileGraph as a new one would be."""
    key = pickle.dumps(recipe)
    if key not in _graphs or _graphs[key].cancelled.done():
        _graphs[key] = KeptGraph(recipe)
    return _graphs[key]


class KeptGraph(tile_graph.TileGraph):
    """A TileGraph whose session stays open for the next test. It is not cancelled."""

    def __init__(self, recipe):
        super().__init__(recipe)
        self._lock = threading.Lock()

    def run(self, outputs, feeds):
        with self._lock:
            return super().run(outputs, feeds)

    def __exit__(self, *exception):
        pass

    def cancel(self):
        pass


@contextmanager
def spread(client, **options):
    """The TileMap of a client's workers."""
    with Members(client) as members:
        until(lambda: len(members.all()) + len(refused(client)) >= len(client.workers) and members.is_settled)
        yield TileMap(members, **options)


def refused(client):
    return [name for name in client.workers if name in client.about]


def pictures(count=3, size=SIZE):
    return np.random.default_rng(5).uniform(0, 255, (count, *size, 3)).astype(np.float32)


def evaluate(map_tiles=None, evaluations=1, *, masks=False, styles=1, **settings):
    """(losses, gradient) of some evaluations in tiles of 16 px."""
    content, image, *style = pictures(2 + styles)
    mask = np.random.default_rng(6).uniform(0, 1, SIZE).astype(np.float32)
    given = Masks((mask,) * styles, mask) if masks else Masks()
    where = {} if map_tiles is None else {"map_tiles": map_tiles}
    settings = Settings(**(FEW_LAYERS | settings))
    with make_objective(tiny_network(), settings, given, **where) as objective:
        objective.set_targets(content, style, given, tile_size=16)
        results = []
        for _ in range(evaluations):
            results.append(objective.evaluate(image))
            image = image - 20 * results[-1][1] / np.abs(results[-1][1]).max()
        return results


@functools.cache
def alone(evaluations=1):
    """What this process evaluates."""
    return evaluate(None, evaluations)


def assert_same(results, expected):
    assert len(results) == len(expected)
    for (losses, gradient), (other_losses, other_gradient) in zip(results, expected, strict=True):
        assert losses == other_losses
        np.testing.assert_array_equal(gradient, other_gradient)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.exhaustive) for kind in LOSSES])
def test_the_numbers_are_those_of_one_process(kind):
    expected = evaluate(None, 2, **LOSSES[kind])
    with FakeClient(2) as client, spread(client) as tile_map:
        assert_same(evaluate(tile_map, 2, **LOSSES[kind]), expected)
        assert all(worker.runs for worker in client.workers.values())


@pytest.mark.parametrize("workers", [1, 3])
def test_the_numbers_do_not_depend_on_the_workers(workers):
    with FakeClient(workers) as client, spread(client) as tile_map:
        assert_same(evaluate(tile_map), alone())


def test_what_a_worker_knows_is_not_sent_again(monkeypatch):
    """Constants and fields are sent once, pixels once for both passes."""
    monkeypatch.setattr(dealing, "GAIN", 0)  # no tile moves, whatever the speeds
    with FakeClient(2) as client, spread(client) as tile_map:
        evaluate(tile_map, evaluations=3)
        sent = [argument for worker in client.workers.values() for _, given in worker.received for argument in given]
    begun = [each for each in sent if hasattr(each, "constants")]
    calls = [each for each in sent if hasattr(each, "fields") and each.outputs in ("sums", "gradient")]
    assert len(calls) == 3 * 2 * 12
    assert sum(each.pixels is not None for each in calls) == 3 * 12
    assert sum(each.fields is not None for each in calls) == 12
    with_constants = [each for each in begun if each.constants]
    assert len(with_constants) == 2
    assert sum(bool(each.sum_gradients) for each in begun) == 3 * 2


@pytest.mark.parametrize("number", [1, 7, 20])
def test_a_worker_that_dies_changes_nothing(logged, number):
    expected = alone(3)
    with FakeClient(2) as client, spread(client) as tile_map:
        client.workers["w2"].before_run = lambda run, _: client.workers["w2"].die() if run == number else None
        assert_same(evaluate(tile_map, 3), expected)
    assert sum(text.startswith("worker w2 is lost") for level, text in logged if level == "warning") == 1


def test_without_workers_this_process_goes_on_alone(logged):
    expected = alone(2)
    with FakeClient(1) as client, spread(client) as tile_map:
        client.workers["w1"].before_run = lambda run, _: client.workers["w1"].die() if run == 9 else None
        assert_same(evaluate(tile_map, 2), expected)
    assert ("warning", "the cluster has no worker; going on with this process alone") in logged


def test_a_worker_that_joins_late_is_used():
    expected = alone(4)
    with FakeClient(1) as client, spread(client) as tile_map:

        def joins(run, _):
            if run == 30:
                client.join("w2")
                until(lambda: len(tile_map.members.ready()) == 2)

        client.workers["w1"].before_run = joins
        assert_same(evaluate(tile_map, 4), expected)
        assert client.workers["w2"].runs > 0


def test_a_worker_that_hangs_is_given_up_and_used_again(logged):
    expected = alone(4)
    with FakeClient(2) as client, spread(client, least=0.5) as tile_map:
        stopped = client.workers["w2"]

        def hang(run, _):
            if run == 40:  # of at least 13 in each evaluation
                stopped.hold.clear()
                stopped.hold.wait()

        stopped.before_run = hang
        results = evaluate(tile_map, 4)
        assert all(member.address != "w2" for member in tile_map.members.all())
        stopped.hold.set()
        assert_same(results, expected)
        until(lambda: ("info", "worker w2 answers again") in logged)
    assert sum(text.startswith("worker w2 is lost: it has not answered for") for _, text in logged) == 1


def test_a_worker_that_is_stopped_at_its_first_tile(logged, monkeypatch):
    """It is given up because it sends no heartbeats; nobody knows yet how long a tile takes."""
    monkeypatch.setattr(tile_map_module, "FIRST", 9999)
    expected = alone(2)
    with FakeClient(2) as client, spread(client) as tile_map:
        stopped = client.workers["w2"]
        stopped.before_run = lambda run, _: stopped.stop() if run == 1 else None
        results = evaluate(tile_map, 2)
        stopped.resume()
        until(lambda: len(tile_map.members.ready()) == 2)
        assert_same(results, expected)
    assert [text for _, text in logged if "w2" in text] == [
        "worker w2 is lost: it does not answer; its work goes to others",
        "worker w2 answers again",
    ]


def test_a_worker_that_computes_for_long_is_not_lost(logged, monkeypatch):
    """As long as it sends heartbeats."""
    with FakeClient(2) as client, spread(client) as tile_map:
        slow, seen = client.workers["w2"], []

        def wait(run, _):
            if run == 1:
                before = slow.looks
                until(lambda: slow.looks > before + 3 * heartbeats.SILENCE)
                seen.append(tile_map.members.all())

        slow.before_run = wait
        assert_same(evaluate(tile_map), alone())
    assert len(seen[0]) == 2
    assert not any("w2" in text for _, text in logged)


def test_a_worker_that_is_stopped_before_it_is_ready_is_not_waited_for(logged):
    with FakeClient(2) as client, spread(client) as tile_map:
        stopped = client.workers["w2"]
        stopped.actor.load = stopped.stop
        assert_same(evaluate(tile_map), alone())
        assert stopped.runs == 0
        stopped.resume()
        until(lambda: len(tile_map.members.ready()) == 2)
    assert [each for each in logged if "w2" in each[1]] == [
        ("warning", "worker w2 does not answer, and is not waited for")
    ]


def test_a_worker_of_a_batch_that_is_stopped(logged):
    """It builds no graph, and is lost and restored nevertheless."""
    with FakeClient(2) as client, Members(client) as members:
        until(lambda: len(members.all()) == 2)
        client.workers["w2"].is_stopped = True
        until(lambda: [each.address for each in members.all()] == ["w1"])
        assert members.is_settled
        client.workers["w2"].is_stopped = False
        until(lambda: len(members.all()) == 2)
    assert [text for _, text in logged if "w2" in text] == [
        "worker w2 is lost: it does not answer; its work goes to others",
        "worker w2 answers again",
    ]


def test_a_worker_without_memory_is_left_out(logged):
    expected = alone()
    with FakeClient(2) as client, spread(client) as tile_map:
        client.workers["w1"].before_run = lambda run, _: Failure(MEMORY) if run > 4 else None
        assert_same(evaluate(tile_map), expected)
    assert any("worker w1 is lost: its memory has run out" in text for _, text in logged)


def test_smaller_tiles_where_no_worker_has_memory(logged):
    content, image, style = pictures(size=(260, 40))

    def evaluated(tile_size, **where):
        with make_objective(tiny_network(), Settings(**FEW_LAYERS), **where) as objective:
            objective.set_targets(content, [style], tile_size=64)
            objective._evaluator.tile_size = tile_size
            return objective.evaluate(image)

    with FakeClient(2) as client, spread(client) as tile_map:
        for worker in client.workers.values():
            worker.before_run = lambda run, call: Failure(MEMORY) if size_of(call) > 100 else None
        found = evaluated(96, map_tiles=tile_map)
    assert_same([found], [evaluated(64)])


def size_of(call):
    return 0 if call.pixels is None else call.pixels["image"].shape[0]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": "1.9"}, "it has version 1.9 of this program, not "),
        ({"program": "0"}, "its copy of this program is not the same as here"),
        ({"tensorflow": "2.9"}, "it has TensorFlow 2.9, not "),
    ],
)
def test_a_worker_with_other_versions_is_left_out(logged, changes, reason):
    with FakeClient(2, w2=own_facts(**changes)) as client, spread(client) as tile_map:
        assert_same(evaluate(tile_map), alone())
        assert client.workers["w2"].runs == 0
    assert any(text.startswith(f"worker w2 is left out: {reason}") for _, text in logged)


def test_a_worker_with_other_weights_is_left_out(logged):
    with FakeClient(2) as client, spread(client) as tile_map:
        build, other = client.workers["w2"].actor.build, "0"
        client.workers["w2"].actor.build = lambda recipe, digest: build(recipe, other)
        assert_same(evaluate(tile_map), alone())
    assert ("warning", "worker w2 is left out: it has other weights of the network") in logged


def test_the_end_of_the_scheduler_ends_the_evaluation():
    with FakeClient(2) as client, spread(client) as tile_map:

        def end(run, _):
            client.is_gone = True
            until(lambda: tile_map.members.scheduler_is_gone)

        client.workers["w1"].before_run = end
        with pytest.raises(ClusterLost, match="the scheduler of the cluster has ended"):
            evaluate(tile_map)


def test_an_interrupt_ends_the_evaluation_and_the_workers():
    content, image, style = pictures()
    with FakeClient(2) as client:
        with (
            spread(client) as tile_map,
            make_objective(tiny_network(), Settings(**FEW_LAYERS), map_tiles=tile_map) as objective,
        ):
            objective.set_targets(content, [style], tile_size=16)
            client.workers["w1"].before_run = lambda run, _: objective.cancel()
            with pytest.raises(Interrupted):
                objective.evaluate(image)
        assert all(worker.actor._is_stopped for worker in client.workers.values())


def test_an_untiled_picture_stays_here():
    content, image, style = pictures()
    with FakeClient(1) as client, spread(client) as tile_map:
        with make_objective(tiny_network(), Settings(**FEW_LAYERS), map_tiles=tile_map) as objective:
            objective.set_targets(content, [style], tile_size=None)
            objective.evaluate(image)
        assert client.workers["w1"].runs == 0
