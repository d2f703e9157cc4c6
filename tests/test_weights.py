"""Reading networks: every layout gives the same weights, every wrong file is refused in a sentence."""

import numpy as np
import pytest
import scipy.io

import tiny_networks
import weights
from layers import CONVOLUTIONS


def assert_same(network, expected):
    assert list(network.convolutions) == list(expected.convolutions)
    for name, (kernel, bias) in network.convolutions.items():
        assert kernel.dtype == bias.dtype == np.float32
        np.testing.assert_array_equal(kernel, expected.convolutions[name][0])
        np.testing.assert_array_equal(bias, expected.convolutions[name][1])
    np.testing.assert_allclose(network.mean_pixel, expected.mean_pixel, rtol=1e-6)


@pytest.mark.parametrize("layout", ["today", "older", "oldest"])
def test_matconvnet_layouts(tmp_path, tiny, layout):
    path = tmp_path / "network.anything"  # recognised by content, not by name
    with open(path, "wb") as file:
        tiny_networks.write_matconvnet(file, tiny, layout=layout)
    assert_same(weights.load(path), tiny)


@pytest.mark.parametrize("nested", [False, True])
def test_keras_layout(tmp_path, tiny, nested):
    path = tmp_path / "network.mat"
    tiny_networks.write_keras(path, tiny, nested=nested)
    assert_same(weights.load(path), tiny)


def test_kernels_are_stored_width_first(tmp_path):
    tiny = tiny_networks.tiny_network(names=("conv1_1",))
    tiny_networks.write_matconvnet(tmp_path / "tiny.mat", tiny)
    stored = scipy.io.loadmat(tmp_path / "tiny.mat", simplify_cells=True)["layers"][0]["weights"][0]
    kernel = weights.load(tmp_path / "tiny.mat").convolutions["conv1_1"][0]
    assert kernel[0, 2, 1, 1] == stored[2, 0, 1, 1]


def test_network_of_one_channel_and_fewer_layers(tmp_path):
    kernel = np.arange(27, dtype=np.float32).reshape(3, 3, 3, 1)
    network = weights.Network({"conv1_1": (kernel, np.ones(1, np.float32))}, tiny_networks.MEAN_PIXEL)
    tiny_networks.write_matconvnet(tmp_path / "tiny.mat", network)
    assert_same(weights.load(tmp_path / "tiny.mat"), network)


def without(network, name):
    return weights.Network({key: pair for key, pair in network.convolutions.items() if key != name}, network.mean_pixel)


def replaced(network, name, kernel=None, bias=None):
    old = network.convolutions[name]
    pair = old[0] if kernel is None else kernel, old[1] if bias is None else bias
    return weights.Network(network.convolutions | {name: pair}, network.mean_pixel)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda tiny: without(tiny, "conv3_4"), "a VGG-16 network: it has no layer conv3_4"),
        (lambda tiny: without(tiny, "conv2_1"), "not a VGG-19 network: it has no layer conv2_1"),
        (lambda tiny: weights.Network({}, tiny.mean_pixel), "it holds no layer named conv1_1"),
        (
            lambda tiny: replaced(tiny, "conv2_1", np.zeros((3, 3, 5, 3), np.float32)),
            "conv2_1 expects 5 input channels, got 2",
        ),
        (lambda tiny: replaced(tiny, "conv2_1", np.zeros((5, 5, 2, 3))), "conv2_1 has a kernel of shape"),
        (lambda tiny: replaced(tiny, "conv2_1", bias=np.zeros(9)), "conv2_1 has 3 kernels but 9 biases"),
        (lambda tiny: replaced(tiny, "conv2_1", bias=np.full(3, np.nan)), "conv2_1 has weights that are not finite"),
    ],
)
@pytest.mark.parametrize("write", [tiny_networks.write_matconvnet, tiny_networks.write_keras])
def test_wrong_networks_are_refused(tmp_path, tiny, change, sentence, write):
    write(tmp_path / "network", change(tiny))
    # scipy adds an extension to a bare name
    path = next(tmp_path.iterdir())
    with pytest.raises(weights.NetworkError) as refusal:
        weights.load(path)
    assert str(refusal.value).startswith(f"cannot read network {path}: {sentence}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("contents", "sentence"),
    [
        (b"", "it is empty"),
        (b"<html>not found</html>", "not a MATLAB or HDF5 file"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(600), "a MATLAB 7.3 file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(600), "without a network|damaged or truncated"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "damaged or truncated"),
    ],
)
def test_wrong_files_are_refused(tmp_path, contents, sentence):
    path = tmp_path / "file.mat"
    path.write_bytes(contents)
    with pytest.raises(weights.NetworkError, match=sentence):
        weights.load(path)


@pytest.mark.parametrize("missing", [{"layers"}, {"meta"}])
def test_matlab_file_of_another_kind(tmp_path, tiny_file, missing):
    contents = scipy.io.loadmat(tiny_file)
    scipy.io.savemat(
        tmp_path / "other.mat",
        {name: value for name, value in contents.items() if name[0] != "_" and name not in missing},
    )
    with pytest.raises(weights.NetworkError, match="a MATLAB file without"):
        weights.load(tmp_path / "other.mat")


@pytest.mark.parametrize("write", [tiny_networks.write_matconvnet, tiny_networks.write_keras])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, tiny, write, share):
    write(tmp_path / "whole.mat", tiny)
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(weights.NetworkError, match=r"cannot read network .*cut.mat: "):
        weights.load(tmp_path / "cut.mat")


@pytest.mark.parametrize("path", ["no/such/file.mat", "/"])
def test_paths_that_are_no_files(path):
    with pytest.raises(weights.NetworkError, match=r"No such file|it is a directory"):
        weights.load(path)


@pytest.mark.network
def test_real_network(real_network):
    network = weights.load(real_network)
    assert list(network.convolutions) == list(CONVOLUTIONS)
    np.testing.assert_allclose(network.mean_pixel, [123.68, 116.779, 103.939], rtol=1e-6)
    assert network.convolutions["conv5_1"][0].shape == (3, 3, 512, 512)
