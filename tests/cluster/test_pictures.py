"""Batches: whole pictures dealt to workers."""

import os
from concurrent import futures
from pathlib import Path

import pytest

import neural_style
from brushwork.cluster import orders, painting
from brushwork.cluster.painting import Painted
from brushwork.cluster.pictures import Batch
from brushwork.errors import Mistakes
from brushwork.run import jobs


class FakeMember:
    """A worker."""

    def __init__(self, address):
        self.address = address


class FakeFuture:
    """What Batch uses of a future of Dask."""

    def __init__(self, painted):
        self.painted, self.status = painted, "pending"

    def done(self):
        return self.status != "pending"

    def result(self):
        return self.painted

    def cancel(self, force):
        self.status = "cancelled"


class FakeCluster:
    """A client with workers that paint at once, when `work` is called."""

    def __init__(self, *names):
        self.members = [FakeMember(name) for name in names]
        self.futures, self.lost = [], []
        self.answer = lambda order: Painted(0, [b"picture"])

    def all(self):
        return list(self.members)

    def lose(self, member, reason):
        self.members.remove(member)
        self.lost.append(reason)

    def submit(self, function, order, *, key, workers, allow_other_workers, pure):
        assert function is painting.paint
        future = FakeFuture(self.answer(order))
        future.order, future.worker = order, workers[0]
        self.futures.append(future)
        return future

    def work(self):
        for future in self.futures:
            if future.status == "pending":
                future.status = "finished"


def make(*flags, cluster, content="photos"):
    """The Batch of a command line."""
    given = ["--content", content, "--styles", "style.png", "--output", "out/{content}.png", "--network", "net.mat"]
    options = neural_style.parse([*given, *flags])
    batch = [job._replace(skip_existing=options.skip_existing) for job in jobs.make_jobs(options)]
    return Batch(batch, options, cluster, cluster)


@pytest.fixture
def photos(folder):
    os.mkdir("photos")
    for number in range(5):
        Path(f"photos/{number}.png").write_bytes(Path("content.png").read_bytes())
    return folder


def finish(batch, cluster):
    for _ in range(999):
        if batch.is_done:
            return
        batch.step()
        cluster.work()
        futures.wait(batch._arriving.values())
    raise AssertionError("it does not end")


def test_every_picture_is_painted_once(photos):
    cluster = FakeCluster("a", "b")
    finish(batch := make(cluster=cluster), cluster)
    assert batch.counts == {"done": 5, "failed": 0, "skipped": 0}
    assert [future.order.number for future in cluster.futures] == [1, 2, 3, 4, 5]
    assert sorted(os.listdir("out")) == [f"{number}.png" for number in range(5)]
    assert Path("out/3.png").read_bytes() == b"picture"


def test_a_picture_of_a_lost_worker_is_painted_by_another(photos, logged):
    cluster = FakeCluster("a", "b")
    batch = make(cluster=cluster)
    batch.step()
    del cluster.members[0]
    finish(batch, cluster)
    assert batch.counts["done"] == 5
    assert [future.order.number for future in cluster.futures if future.worker == "b"] == [2, 1, 3, 4, 5]
    assert cluster.futures[0].status == "cancelled"


def test_a_picture_that_takes_three_workers_down_has_failed(photos, logged):
    cluster = FakeCluster("a")
    batch = make(cluster=cluster)
    for name in ("b", "c", "d"):
        batch.step()
        cluster.members = [FakeMember(name)]
    finish(batch, cluster)
    assert batch.counts == {"done": 4, "failed": 1, "skipped": 0}
    assert ("error", "cannot make out/0.png: 3 workers were lost with it") in logged


def test_files_that_a_worker_does_not_see_are_sent(photos):
    cluster = FakeCluster("a")
    cluster.answer = lambda order: Painted(0, [b"picture"]) if order.contents else Painted(missing=["photos/0.png"])
    finish(batch := make(cluster=cluster), cluster)
    assert batch.counts["done"] == 5
    assert len(cluster.futures) == 6  # it is asked once
    order = cluster.futures[-1].order
    assert set(order.contents) == set(order.files)
    assert {os.path.basename(path) for path in order.files} == {"4.png", "style.png", "net.mat"}
    assert order.contents[os.path.abspath("style.png")] == Path("style.png").read_bytes()


def test_files_that_are_too_large_to_be_sent(photos, logged, monkeypatch):
    monkeypatch.setattr(orders, "LARGEST", 1)
    cluster = FakeCluster("a")
    cluster.answer = lambda order: Painted(missing=["photos/0.png"])
    finish(batch := make(cluster=cluster), cluster)
    assert batch.counts["failed"] == 5
    assert any("its files are too large to be sent" in text for _, text in logged)


def test_pictures_that_exist_are_skipped(photos):
    os.mkdir("out")
    Path("out/2.png").write_bytes(b"before")
    cluster = FakeCluster("a", "b")
    finish(batch := make("--skip-existing", cluster=cluster), cluster)
    assert batch.counts == {"done": 4, "failed": 0, "skipped": 1}
    assert Path("out/2.png").read_bytes() == b"before"


def test_an_output_that_has_appeared_is_kept(photos, logged):
    cluster = FakeCluster("a")
    batch = make(cluster=cluster)
    os.mkdir("out")
    Path("out/1.png").write_bytes(b"somebody's")
    finish(batch, cluster)
    assert batch.counts == {"done": 4, "failed": 1, "skipped": 0}
    assert Path("out/1.png").read_bytes() == b"somebody's"


def test_a_failure_is_reported_with_its_picture(photos, logged):
    cluster = FakeCluster("a")
    messages = [("warning", "it is small"), ("error", "it is not finite")]
    cluster.answer = lambda order: Painted(1, [], messages) if order.number == 2 else Painted(0, [b"picture"])
    finish(batch := make(cluster=cluster), cluster)
    assert batch.counts == {"done": 4, "failed": 1, "skipped": 0}
    assert ("error", "out/1.png: it is not finite") in logged
    assert ("warning", "it is small") in logged


def test_the_rest_is_taken_from_the_workers(photos):
    cluster = FakeCluster("a", "b")
    batch = make(cluster=cluster)
    batch.step()
    assert sorted(job.content for job in batch.rest()) == [f"photos/{number}.png" for number in range(5)]
    assert batch.is_done
    assert all(future.status == "cancelled" for future in cluster.futures)


def test_the_command_of_a_picture(photos, monkeypatch):
    monkeypatch.delenv("NEURAL_STYLE_NETWORK", raising=False)
    flags = ["--preset", "fast", "--pairs", "all", "--overwrite", "--cluster", "local:2", "--initial=photos/1.png"]
    flags += ["--style-masks", "style.png", "--trust-network", "--width", "40"]
    options = neural_style.parse(["--content", "photos", "--styles", "style.png", "--output", "out/", *flags])
    job, here = jobs.make_jobs(options)[0], os.getcwd()
    command = orders.command_of([job.content], job.styles, options)
    assert command == [
        *("--preset", "fast", f"--initial={here}/photos/1.png", "--style-masks", f"{here}/style.png", "--width", "40"),
        *("--network", "pocket", "--content", f"{here}/photos/0.png", "--styles", f"{here}/style.png"),
    ]
    assert orders.inputs_of(command, options) == [
        f"{here}/photos/1.png", f"{here}/style.png", f"{here}/photos/0.png",
    ]  # fmt: skip


def test_checkpoints_are_refused(photos):
    with pytest.raises(Mistakes, match=None) as error:
        make("--checkpoint-output", "{content}-{{}}.png", "--checkpoint-iterations", "1", cluster=FakeCluster("a"))
    assert "--checkpoint-output is not for many pictures on a cluster" in error.value.sentences[0]
