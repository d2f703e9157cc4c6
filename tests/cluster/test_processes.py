"""Clusters of real processes: the same numbers, TLS, the end of a scheduler, Ctrl-C, and a batch whose workers die."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from brushwork.cluster import tile_map
from brushwork.cluster.cluster import open_cluster
from tests.cluster.test_tile_map import evaluate
from tests.cluster.test_trust import make_certificates
from tests.helpers.command import FAST, ROOT, pixels
from tests.video.test_flow import texture

pytestmark = pytest.mark.exhaustive
COMMAND = [sys.executable, "-m", "neural_style"]
PICTURE = f"--content content.png --styles style.png --network net.mat --initial content --tile-size 16 {FAST}".split()
SECONDS = 300  # that anything may take on a busy machine


@pytest.fixture
def start(folder):
    """start(*words): a process of the command, whose messages are in `said`; all are ended with the test."""
    started = []

    def start(*words, command=COMMAND):
        log = open(f"log{len(started)}", "w+")  # noqa: SIM115, closed below
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen([*command, *words], stderr=log, stdout=log, env=environment, start_new_session=True)
        process.said = lambda: Path(log.name).read_text()
        process.log = log
        started.append(process)
        return process

    yield start
    for process in started:
        for each in [*descendants(process.pid), process]:
            try:
                each.kill()
            except (psutil.Error, ProcessLookupError):
                continue
        process.wait()
        process.log.close()


def descendants(pid):
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []


def workers_of(process):
    """The processes of local workers."""
    return [each for each in descendants(process.pid) if "spawn_main" in " ".join(each.cmdline())]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition, process=None):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, process and process.said()
        assert process is None or process.poll() is None, process.said()
        time.sleep(0.05)


def has_iterated(process):
    return re.search(r"Iteration +[3-9]/", process.said()) is not None


def test_local_workers_and_one_that_is_killed():
    losses, gradient = evaluate(None, 3)[-1]
    with open_cluster("local:3") as cluster:
        found = evaluate(cluster.map_tiles, 3)[-1]
        for worker in workers_of(psutil.Process())[:2]:
            worker.send_signal(signal.SIGKILL)
        disturbed = evaluate(cluster.map_tiles, 3)[-1]
        until(lambda: len(cluster.members.ready()) == 3)  # they are started again
    for each in (found, disturbed):
        assert each[0] == pytest.approx(losses, rel=1e-6)
        np.testing.assert_allclose(each[1], gradient, rtol=0, atol=1e-5 * np.abs(gradient).max())


def test_a_local_worker_that_is_stopped(logged, monkeypatch):
    """At one of its first tiles, in the first pass: nobody knows yet how long a tile takes."""
    monkeypatch.setattr(tile_map, "FIRST", 9999)
    expected, stopped = evaluate(None, 2), []
    with open_cluster("local:2") as cluster:

        def map_tiles(*given):
            for result in cluster.map_tiles(*given):
                if not stopped:
                    stopped.append(workers_of(psutil.Process())[0])
                    stopped[0].suspend()
                yield result

        found = evaluate(map_tiles, 2)
    for each, other in zip(found, expected, strict=True):
        assert each[0] == pytest.approx(other[0], rel=1e-6)
        np.testing.assert_allclose(each[1], other[1], rtol=0, atol=1e-5 * np.abs(other[1]).max())
    assert sum(text.endswith("is lost: it does not answer; its work goes to others") for _, text in logged) == 1
    until(lambda: not stopped[0].is_running())


def test_tls(start, tmp_path):
    make_certificates(tmp_path)
    (tmp_path / "others").mkdir()
    make_certificates(tmp_path / "others")
    port = free_port()
    driver = start(*PICTURE, "--output", "out.png", "--iterations", "3", f"--cluster=listen:127.0.0.1:{port}",
                   "--cluster-tls", ".", "--cluster-wait")  # fmt: skip
    until(lambda: "waiting for workers" in driver.said(), driver)
    stranger = start("worker", f"tls://127.0.0.1:{port}", "--cluster-tls", "others")
    plain = start("worker", f"tcp://127.0.0.1:{port}")
    time.sleep(3)
    assert "the cluster has" not in driver.said()
    worker = start("worker", f"127.0.0.1:{port}", "--cluster-tls", ".")
    assert driver.wait(SECONDS) == 0, driver.said()
    assert "the cluster has 1 worker" in driver.said()
    assert worker.wait(SECONDS) == 0
    assert not {stranger.poll(), plain.poll()} & {0}
    assert pixels("out.png").shape == (30, 40, 3)


def test_the_end_of_a_scheduler_saves_the_run(start):
    port, dask = free_port(), [sys.executable, "-m", "dask"]
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", command=dask)
    until(lambda: listens(port), scheduler)  # the driver does not wait for a scheduler
    start("worker", f"127.0.0.1:{port}")
    given = [*PICTURE, "--output", "out.png", "--print-iterations", "1"]
    driver = start(*given, "--iterations", "2000", f"--cluster=127.0.0.1:{port}", "--cluster-wait")
    until(lambda: has_iterated(driver), driver)
    scheduler.kill()
    assert driver.wait(SECONDS) == 1, driver.said()
    assert "the scheduler of the cluster has ended" in driver.said()
    assert "interrupted after" in driver.said()
    assert "Traceback" not in driver.said()
    assert pixels("out.png").shape == (30, 40, 3)
    resumed = start("--resume", "out.state", "--dry-run")
    assert resumed.wait(SECONDS) == 0, resumed.said()


def test_ctrl_c_leaves_nothing_running(start):
    driver = start(
        *PICTURE, "--output", "out.png", "--print-iterations", "1", "--iterations", "2000", "--cluster=local:2"
    )
    until(lambda: has_iterated(driver), driver)
    workers = workers_of(driver)
    assert len(workers) == 2
    os.killpg(driver.pid, signal.SIGINT)  # as the terminal does, to the workers too
    assert driver.wait(SECONDS) == 130, driver.said()
    assert "continue with --resume out.state" in driver.said()
    assert "Traceback" not in driver.said()
    until(lambda: not any(each.is_running() and each.status() != "zombie" for each in workers))


def test_a_batch_whose_workers_are_killed(start):
    Path("photos").mkdir()
    for number in range(8):
        Path(f"photos/{number}.png").write_bytes(Path("content.png").read_bytes())
    words = ["--content", "photos", "--output", "out/{content}.png", "--iterations", "2", "--cluster=local:3"]
    driver = start(*PICTURE[2:], *words)
    until(lambda: Path("out").is_dir() and len(list(Path("out").glob("*.png"))) >= 2, driver)
    for worker in workers_of(driver)[:2]:
        worker.kill()
    assert driver.wait(SECONDS) == 0, driver.said()
    assert "8 done" in driver.said()
    assert sorted(os.listdir("out")) == [f"{number}.png" for number in range(8)]
    for number in range(8):
        assert pixels(f"out/{number}.png").shape == (30, 40, 3)


def test_a_film_whose_worker_is_killed(start):
    """Its frames are those of a film without a cluster: pixel by pixel, as the metadata have what was decided."""
    os.mkdir("frames")
    scenes = [texture(32, 60, seed=seed) for seed in (3, 12, 21, 30)]
    for number, (scene, left) in enumerate(itertools.product(scenes, range(0, 6, 2)), start=1):
        Image.fromarray(np.rint(scene[:, left : left + 48]).astype(np.uint8)).save(f"frames/f{number}.png")
    words = [*PICTURE[2:4], *FAST.split(), "--network", "net.mat", "--content", "frames/f%d.png", "--initial=content"]
    words += ["--optimizer", "lbfgs", "--iterations", "3", "--frame-iterations", "2"]
    alone = start(*words, "--output", "alone/f%d.png")
    assert alone.wait(SECONDS) == 0, alone.said()
    driver = start(*words, "--output", "out/f%d.png", "--cluster=local:2")
    until(lambda: Path("out").is_dir() and list(Path("out").glob("*.png")), driver)
    workers_of(driver)[0].kill()
    assert driver.wait(SECONDS) == 0, driver.said()
    assert "the film has 4 shots to paint" in driver.said()
    assert sorted(os.listdir("out")) == sorted(os.listdir("alone"))
    assert len(os.listdir("out")) == 12
    for name in os.listdir("alone"):
        np.testing.assert_array_equal(pixels(f"out/{name}"), pixels(f"alone/{name}"))
