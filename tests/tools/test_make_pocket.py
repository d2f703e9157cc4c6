"""The tool that makes the included network, on a tiny network and tiny crops."""

import numpy as np
import pytest

import vgg
from tests.helpers import tiny_networks
from tests.network.test_pocket import EXAMPLES, losses
from tools import make_pocket


@pytest.fixture
def crops(monkeypatch):
    """Crops [16, 48, 48, 3] of the examples."""
    monkeypatch.setattr(make_pocket, "SIDE", 48)
    monkeypatch.setattr(make_pocket, "SHORT_SIDES", (48, 96))
    files = make_pocket.picture_files([EXAMPLES])
    assert len(files) == len(list(EXAMPLES.glob("*.jpg"))) > 4
    return make_pocket.calibration_crops(files, 16, seed=0)


def doubled(network):
    """A network that computes every channel of another one twice."""
    convolutions = {}
    for name, (kernel, bias) in network.convolutions.items():
        kernel = kernel if name == "conv1_1" else kernel.repeat(2, axis=2) / 2
        convolutions[name] = kernel.repeat(2, axis=3), bias.repeat(2)
    return vgg.Network(convolutions, network.mean_pixel)


@pytest.mark.exhaustive
def test_of_a_network_that_has_all_twice_half_is_enough(tiny, crops):
    full = doubled(tiny)
    half = make_pocket.make(full, crops)
    assert [kernel.shape for kernel, _ in half.convolutions.values()] == [
        tiny.convolutions[name][0].shape for name in make_pocket.LAYERS
    ]
    few, true = (losses(network, crops[0], crops[1], crops[2])[0] for network in (half, full))
    assert few["style"] == pytest.approx(true["style"], rel=0.1)  # the scale is one for all pairs of crops
    assert few["content"] == pytest.approx(true["content"], rel=0.1)


@pytest.mark.exhaustive
def test_the_same_input_gives_the_same_bytes(tmp_path, tiny, crops, capsys):
    network = tmp_path / "full.mat"
    tiny_networks.write_matconvnet(network, doubled(tiny))
    for name in ("one.mat", "two.mat"):
        arguments = [str(network), str(EXAMPLES), "--crops", "8", "-o", str(tmp_path / name)]
        assert make_pocket.main(arguments) == 0
    assert (tmp_path / "one.mat").read_bytes() == (tmp_path / "two.mat").read_bytes()
    assert list(vgg.load(tmp_path / "one.mat").convolutions) == list(make_pocket.LAYERS)
    assert "conv5_2: kept" in capsys.readouterr().err


def test_the_file_holds_the_network(tmp_path, tiny):
    (tmp_path / "pocket.mat").write_bytes(make_pocket.mat_file(tiny))
    tiny_networks.assert_same(vgg.load(tmp_path / "pocket.mat"), tiny)


def test_channels_are_kept_by_what_they_explain():
    """Of two equal channels one is enough; a silent one is none."""
    rows = np.array([[1.0, 1, 0, 0.5], [2, 2, 0, 0.1], [0, 0, 0, 2]])
    kept = make_pocket.choose(rows.T @ rows / 3, (np.zeros((4, 4)), 1.0), 2)
    assert sorted({0: 0, 1: 0, 2: 2, 3: 3}[channel] for channel in kept) == [0, 3]


def test_what_the_relu_cuts_is_free(random):
    """A regression that must give negative targets exactly would do worse on the positive ones."""
    patches = np.concatenate([random.normal(size=(4000, 8)), np.ones((4000, 1))], axis=1).astype(np.float32)
    truth = random.normal(size=(9, 3))
    before = (patches @ truth).astype(np.float32)
    before[before < 0] *= 1 + 3 * random.random((before < 0).sum()).astype(np.float32)  # as ReLU hides it
    weight = make_pocket.fit(patches, before, prior=np.zeros((9, 3)))
    mine, full = (np.maximum(rows, 0) for rows in (patches @ weight, before))
    assert np.linalg.norm(mine - full) < 0.02 * np.linalg.norm(full)
