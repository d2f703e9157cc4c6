"""What the tests share: tiny networks, written in every layout of file, and small pictures."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

import tiny_networks


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
