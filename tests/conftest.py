"""What the tests share: tiny networks, written in every layout of file, and small pictures."""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import gc
import itertools
import logging
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neural_style
from brushwork.engine.session import import_tensorflow
from brushwork.messages import logger
from brushwork.network import store
from tests.helpers import forks, tiny_networks
from tests.helpers.command import FAST

OF_LAYERS = {"--preset", "--settings-from", "--content-layers", "--style-layers", "--content-weight-blend"}
OF_LAYERS |= {"--style-layer-weight-exp"}  # flags that choose layers or depend on them
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also for tests that nohup runs
gc.set_threshold(100_000, 50, 50)  # TensorFlow's modules and graphs are many objects and no garbage


@pytest.fixture(scope="session")
def tiny():
    """A VGG-19 of 2 to 8 channels, float32."""
    return tiny_networks.tiny_network()


@pytest.fixture(scope="session")
def tiny_file(tmp_path_factory, tiny):
    """The path of the tiny network in today's MatConvNet layout."""
    path = tmp_path_factory.mktemp("network") / "tiny.mat"
    tiny_networks.write_matconvnet(path, tiny)
    return path


@pytest.fixture(scope="session")
def real_network():
    """The path of the real VGG-19; without it the test is skipped."""
    path = os.environ.get("NEURAL_STYLE_NETWORK", "")
    if not os.path.isfile(path):
        pytest.skip("NEURAL_STYLE_NETWORK names no file with the real network")
    return path


@pytest.fixture
def logged():
    """What is logged from now on: (level, text) of each message."""
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append((record.levelname.lower(), record.getMessage()))
    level = logger.level
    logger.setLevel("INFO")
    logger.addHandler(handler)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


@pytest.fixture(autouse=True)
def kernels(request, monkeypatch):
    """Tests of numbers compute as users do; the graphs of other tests are of fewer operations, and run as they are."""
    import tensorflow.compat.v1 as tf

    from brushwork.engine import session
    from brushwork.network import operations

    if not any(map(request.node.get_closest_marker, ("numerical", "network"))):
        for name in ("turning_pays", "comparing_pays"):
            monkeypatch.setattr(operations, name, lambda: False)
        plain = tf.ConfigProto(inter_op_parallelism_threads=1)
        plain.graph_options.rewrite_options.disable_meta_optimizer = True
        monkeypatch.setattr(session, "options", lambda: plain)


@pytest.fixture
def random():
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """The paths of two pictures and a style."""
    random, directory = np.random.default_rng(7), tmp_path_factory.mktemp("inputs")
    for name, size in (("content", (40, 30)), ("other", (30, 40)), ("style", (240, 180))):
        pixels = random.integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize(size).save(directory / f"{name}.png")
    return list(directory.iterdir())


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_file, inputs):
    """A working directory with two pictures, a style and the network; the command is run in it."""
    monkeypatch.chdir(tmp_path)
    for path in inputs:
        shutil.copyfile(path, path.name)
    Path("net.mat").symlink_to(tiny_file)
    is_trusted = store.is_trusted
    # A process to read this sound file in would take a third of a second of every test.
    monkeypatch.setattr(store, "is_trusted", lambda path: os.path.realpath(path) == str(tiny_file) or is_trusted(path))
    return tmp_path


def pytest_configure(config):
    """Import TensorFlow where tests run: what it logs is not taken for what a command says."""
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        import_tensorflow()


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items):
    """What needs one of these servers runs in one process, and first: it takes the longest, and waits much."""
    groups = {"studio": "studio", "second_studio": "studio", "browser": "studio", "server": "server"}
    for item in items:
        item.group = next((group for name, group in groups.items() if name in getattr(item, "fixturenames", ())), "")
        if item.group:
            item.add_marker(pytest.mark.xdist_group(item.group))
    items.sort(key=lambda item: item.group, reverse=True)


@pytest.fixture(scope="session")
def server():
    """A process that forks the command."""
    server = forks.Server()
    yield server
    server.close()


@pytest.fixture
def at_evaluation(monkeypatch):
    """at_evaluation(number, act): act() before that evaluation of the pictures, counted from one."""

    # Here: it imports TensorFlow, which the process that collects tests does not need.
    from tests.helpers.objectives import Objective

    def at(number, act):
        evaluate, count = Objective.evaluate, itertools.count(1)

        def evaluating(self, image):
            if next(count) == number:
                act()
            return evaluate(self, image)

        monkeypatch.setattr(Objective, "evaluate", evaluating)

    return at


@pytest.fixture
def plans(monkeypatch):
    """The plans of the pictures that the command is asked for; none is made."""
    from brushwork.run import runner

    plans = []
    monkeypatch.setattr(runner.Runner, "run", lambda self, plan: plans.append(plan) or 0)
    return plans


@pytest.fixture
def command(folder, capfd, monkeypatch):
    """Runs the command in this process, with what objectives.py shares: (status, standard output, standard error)."""
    import stylize
    from brushwork.preview import network
    from tests.helpers.objectives import shared, shared_preview_network

    monkeypatch.setattr(stylize, "make_objective", shared)
    monkeypatch.setattr(network, "open_network", shared_preview_network)

    def run(*arguments, iterations=2, output="out.png", defaults=True):
        if defaults:
            given = {"--content": "content.png", "--styles": "style.png", "--output": output, "--network": "net.mat"}
            given |= {"--iterations": str(iterations)}
            flags = {str(argument).partition("=")[0] for argument in arguments}
            flags |= {"--styles"} if "--style" in flags else set()
            pairs = [pair for pair in given.items() if pair[0] not in flags]
            few = [] if flags & OF_LAYERS else FAST.split()
            arguments = [*itertools.chain(*pairs), *few, *arguments]
        try:
            status = neural_style.main(list(map(str, arguments)))
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return run
