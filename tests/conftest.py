"""What the tests share: tiny networks, written in every layout of file, and small pictures."""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
import gc
import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neural_style
from brushwork.engine.session import import_tensorflow
from tests.helpers import forks, tiny_networks

import_tensorflow()  # what it logs is not taken for what a command says
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
def random():
    return np.random.default_rng(7)


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_file, random):
    """A working directory with two pictures, a style and the network; the command is run in it."""
    monkeypatch.chdir(tmp_path)
    for name, size in (("content", (40, 30)), ("other", (30, 40)), ("style", (240, 180))):
        pixels = random.integers(0, 256, (size[1] // 4 + 1, size[0] // 4 + 1, 3)).astype(np.uint8)
        Image.fromarray(pixels).resize(size).save(f"{name}.png")
    Path("net.mat").symlink_to(tiny_file)
    return tmp_path


def pytest_collection_modifyitems(items):
    """What needs the server runs where the server is, and first: it is the slowest."""
    for item in items:
        if "server" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("server"))
    items.sort(key=lambda item: "server" not in item.fixturenames)


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
    plans = []
    monkeypatch.setattr(neural_style.Painter, "paint", lambda self, plan: plans.append(plan) or 0)
    return plans


@pytest.fixture
def command(folder, capfd, monkeypatch):
    """Runs the command in this process, with shared objectives: (status, standard output, standard error)."""
    import stylize
    from tests.helpers.objectives import shared

    monkeypatch.setattr(stylize, "Objective", shared)

    def run(*arguments, iterations=2, output="out.png", defaults=True):
        if defaults:
            given = {"--content": "content.png", "--styles": "style.png", "--output": output, "--network": "net.mat"}
            given |= {"--iterations": str(iterations)}
            flags = {str(argument).partition("=")[0] for argument in arguments}
            flags |= {"--styles"} if "--style" in flags else set()
            pairs = [pair for pair in given.items() if pair[0] not in flags]
            arguments = [*itertools.chain(*pairs), *arguments]
        try:
            status = neural_style.main(list(map(str, arguments)))
        except SystemExit as stop:
            status = stop.code
        return status, *capfd.readouterr()

    return run
