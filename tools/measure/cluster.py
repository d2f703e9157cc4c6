"""Evaluations on clusters of 1, 2 and more local workers: seconds, bytes sent and memory.

    python -m tools.measure.cluster [--workers 1 2] [--sizes 1024x768] [--rounds 5] [--tile-size 256] [--network NAME]

Each worker is pinned to a core and computes on one thread; the driver is not pinned. Evaluations of the clusters take
turns, so that a busy minute slows down all of them. The bytes are those that the loopback device of this network
namespace has received, in all processes: run it by `unshare -rn sh -c 'ip link set lo up; python -m ...'` to count its
own only. The planned ones are those of the arrays: pixels, sums, sum gradients and gradients, each once.
"""

import argparse
import os
import statistics
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil

import brushwork  # noqa: F401, it sets options of TensorFlow
import vgg
from brushwork.cluster.cluster import Cluster, open_cluster
from brushwork.engine.session import import_tensorflow
from brushwork.presets import PRESETS
from brushwork.settings import Settings


class Counted:
    """A TileMap that counts the bytes which have to be sent."""

    def __init__(self, cluster: Cluster, workers: int):
        self._map, self._workers, self.bytes = cluster.map_tiles, workers, 0

    def __call__(self, graph, outputs, picture, sum_gradients):
        if not sum_gradients:
            self.bytes += sum(picture.pixels(tile)["image"].nbytes for tile in range(len(picture)))
        self.bytes += self._workers * sum(array.nbytes for array in sum_gradients.values())
        for result in self._map(graph, outputs, picture, sum_gradients):
            self.bytes += _nbytes(result)
            yield result


class Competitor:
    """A cluster with an objective. A context manager."""

    def __init__(self, workers: int, network: vgg.Network, settings: Settings, precision: str):
        self.workers, self._stack = workers, ExitStack()
        self._made_of = network, settings, precision
        self.seconds, self.own, self.theirs, self.received, self.planned = [], [], [], [], []

    def __enter__(self) -> "Competitor":
        from stylize import make_objective

        network, settings, precision = self._made_of
        cluster = self._stack.enter_context(open_cluster(f"local:{self.workers}"))
        cores, before = sorted(os.sched_getaffinity(0)), psutil.Process()
        workers = [each for each in before.children(recursive=True) if "spawn_main" in " ".join(each.cmdline())]
        self.processes = [each for each in workers if each.cpu_affinity() == cores][-self.workers :]
        for number, process in enumerate(self.processes):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, {cores[number % len(cores)]})
        self._counted = Counted(cluster, self.workers)
        made = {"precision": precision, "threads": 1, "map_tiles": self._counted}
        self._objective = self._stack.enter_context(make_objective(network, settings, **made))
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def begin(self, content: np.ndarray, style: np.ndarray, tile_size: int) -> None:
        """Set the targets, and evaluate twice without timing."""
        self._objective.set_targets(content, [style], tile_size=tile_size)
        self.seconds, self.own, self.theirs, self.received, self.planned = [], [], [], [], []
        for _ in range(2):
            self._objective.evaluate(content)

    def evaluate(self, image: np.ndarray) -> None:
        """Evaluate once, and take the time."""
        received, planned, own = loopback_bytes(), self._counted.bytes, time.process_time()
        theirs, start = [sum(each.cpu_times()[:2]) for each in self.processes], time.perf_counter()
        self._objective.evaluate(image)
        self.seconds.append(time.perf_counter() - start)
        self.own.append(time.process_time() - own)
        self.theirs.append(
            [sum(each.cpu_times()[:2]) - before for each, before in zip(self.processes, theirs, strict=True)]
        )
        self.received.append(loopback_bytes() - received)
        self.planned.append(self._counted.bytes - planned)


def _nbytes(nested):
    if isinstance(nested, dict):
        return sum(map(_nbytes, nested.values()))
    return sum(map(_nbytes, nested)) if isinstance(nested, list | tuple) else nested.nbytes


def loopback_bytes() -> int:
    """The bytes that the loopback device of this network namespace has received."""
    lines = Path("/proc/self/net/dev").read_text().splitlines()
    return int(next(line for line in lines if line.split(":")[0].strip() == "lo").split(":")[1].split()[0])


def peak(pid: int) -> float:
    """The largest resident memory of a process so far, GB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmHWM:")[2].split()[0]) * 1024 / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--sizes", nargs="+", default=["1024x768"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tile-size", type=int, default=256)
    parser.add_argument("--network", default="pocket")
    parser.add_argument("--precision", default="bfloat16")
    options = parser.parse_args()
    import_tensorflow()
    settings, random = Settings(**PRESETS["painterly"]), np.random.default_rng(1)
    network = vgg.load(options.network)
    with ExitStack() as stack:
        made = network, settings, options.precision
        found = [stack.enter_context(Competitor(count, *made)) for count in options.workers]
        for text in options.sizes:
            width, height = map(int, text.split("x"))
            content = random.uniform(0, 255, (height, width, 3)).astype(np.float32)
            for each in found:
                each.begin(content, content[: height // 2, : width // 2].copy(), options.tile_size)
            for _ in range(options.rounds):
                for each in found:
                    each.evaluate(content)
            for each in found:
                _report(text, each, found[0])


def _report(size, competitor, first):
    seconds = statistics.median(competitor.seconds)
    ratio = statistics.median(mine / its for mine, its in zip(competitor.seconds, first.seconds, strict=True))
    received, planned = statistics.median(competitor.received), statistics.median(competitor.planned)
    own = statistics.median(competitor.own)
    theirs = [statistics.median(each) for each in zip(*competitor.theirs, strict=True)]
    memory = " ".join(f"{peak(process.pid):.2f}" for process in competitor.processes)
    print(
        f"{size}, {competitor.workers} workers: {seconds:.2f} s an evaluation, {ratio:.2f} of {first.workers}; "
        f"{received / 1e6:.1f} MB received, {planned / 1e6:.1f} planned ({received / planned:.3f}); "
        f"workers {memory} GB, driver {peak(os.getpid()):.2f}; "
        f"of processors {' '.join(f'{each:.2f}' for each in theirs)} s, driver {own:.2f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
