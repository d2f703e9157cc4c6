"""Files of weights: every layout gives the same network, every other file a sentence. The network as a graph."""

import numpy as np
import pytest
import scipy.io
import tensorflow.compat.v1 as tf

import vgg
from brushwork.errors import NetworkError
from brushwork.network import layers, winograd
from brushwork.network.layers import CONVOLUTIONS, LAYERS
from tests.helpers import tiny_networks
from tests.helpers.tiers import spot_checks
from tests.reference.layers import numpy_layers

WRITERS = (tiny_networks.write_matconvnet, tiny_networks.write_keras)


# Files


@pytest.fixture
def read_here(monkeypatch):
    """Sound files are read in this process, to save time; test_isolated reads such files in a child."""
    monkeypatch.setattr(vgg.store, "is_trusted", lambda path: True)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("layout", ["today", "older", "oldest"])
def test_matconvnet_layouts(tmp_path, tiny, layout):
    path = tmp_path / "network.anything"  # the format is recognised by the content, not the name
    with open(path, "wb") as file:
        tiny_networks.write_matconvnet(file, tiny, layout=layout)
    tiny_networks.assert_same(vgg.load(path), tiny)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("nested", [False, True])
def test_keras_layouts(tmp_path, tiny, nested):
    path = tmp_path / "network.mat"
    tiny_networks.write_keras(path, tiny, nested=nested)
    tiny_networks.assert_same(vgg.load(path), tiny)


@pytest.mark.usefixtures("read_here")
def test_matconvnet_stores_kernels_width_first(tiny, tiny_file):
    stored = scipy.io.loadmat(tiny_file, simplify_cells=True)["layers"][0]["weights"][0]
    kernel = vgg.load(tiny_file).convolutions["conv1_1"][0]
    assert kernel[0, 2, 1, 1] == stored[2, 0, 1, 1] == tiny.convolutions["conv1_1"][0][0, 2, 1, 1]


@pytest.mark.usefixtures("read_here")
def test_one_channel_and_fewer_layers(tmp_path):
    kernel = np.arange(27, dtype=np.float32).reshape(3, 3, 3, 1)
    network = vgg.Network({"conv1_1": (kernel, np.ones(1, np.float32))}, tiny_networks.MEAN_PIXEL)
    tiny_networks.write_matconvnet(tmp_path / "tiny.mat", network)
    tiny_networks.assert_same(vgg.load(tmp_path / "tiny.mat"), network)


def changed(network, without=(), **arrays):
    """The network without some layers, or with other arrays in conv2_1."""
    convolutions = {name: pair for name, pair in network.convolutions.items() if name not in without}
    if arrays:
        kernel, bias = convolutions["conv2_1"]
        convolutions["conv2_1"] = arrays.get("kernel", kernel), arrays.get("bias", bias)
    return vgg.Network(convolutions, network.mean_pixel)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"without": ["conv3_4"]}, "a VGG-16 network: it has no layer conv3_4"),
        ({"without": ["conv2_1"]}, "not a VGG-19 network: it has no layer conv2_1"),
        ({"without": CONVOLUTIONS}, "it holds no layer named conv1_1"),
        ({"kernel": np.zeros((3, 3, 5, 3), np.float32)}, "conv2_1 expects 5 input channels, got 2"),
        ({"kernel": np.zeros((5, 5, 2, 3))}, "conv2_1 has a kernel of shape (5, 5, 2, 3), not 3x3"),
        ({"bias": np.zeros(9)}, "conv2_1 has 3 kernels but 9 biases"),
        ({"bias": np.full(3, np.nan)}, "conv2_1 has weights that are not finite"),
        ({"kernel": np.full((3, 3, 2, 3), np.inf)}, "conv2_1 has weights that are not finite"),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_wrong_networks_are_refused(tmp_path, tiny, change, reason, write):
    path = tmp_path / "network.mat"
    write(path, changed(tiny, **change))
    with pytest.raises(NetworkError) as refusal:
        vgg.load(path)
    assert str(refusal.value).startswith(f"cannot read network {path}: {reason}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("mean_pixel", [[1, 2, np.nan], [1, 2, 256], [-1, 2, 3], [1, 2], [[1, 2, 3]]], ids=str)
def test_a_mean_pixel_that_is_no_colour_is_refused(tiny, mean_pixel):
    with pytest.raises(NetworkError, match="its mean pixel is not a colour"):
        vgg.checked(tiny.convolutions, mean_pixel)


@pytest.mark.parametrize("channels", [0, vgg.MAX_CHANNELS, vgg.MAX_CHANNELS + 1])
def test_the_number_of_channels_is_limited(channels):
    convolutions = {"conv1_1": (np.zeros((3, 3, 3, channels)), np.zeros(channels))}
    if channels == vgg.MAX_CHANNELS:
        assert vgg.checked(convolutions, [1, 2, 3]).convolutions["conv1_1"][1].shape == (channels,)
        return
    with pytest.raises(NetworkError, match=f"conv1_1 has {channels} channels; at least 1 and at most 1024"):
        vgg.checked(convolutions, [1, 2, 3])


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"", "it is empty"),
        (b"<html>not found</html>", "neither a MATLAB nor an HDF5 file"),
        (b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(600), "a MATLAB 7.3 file"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(600), "without a network|damaged or truncated"),
        (b"\x89HDF\r\n\x1a\n" + bytes(600), "damaged or truncated"),
    ],
)
def test_wrong_files_are_refused(tmp_path, contents, reason):
    path = tmp_path / "file.mat"
    path.write_bytes(contents)
    with pytest.raises(NetworkError, match=reason):
        vgg.load(path)


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("missing", ["layers", "meta"])
def test_matlab_files_of_another_kind_are_refused(tmp_path, tiny_file, missing):
    contents = scipy.io.loadmat(tiny_file)
    kept = {name: value for name, value in contents.items() if name[0] != "_" and name != missing}
    scipy.io.savemat(tmp_path / "other.mat", kept)
    with pytest.raises(NetworkError, match="a MATLAB file without"):
        vgg.load(tmp_path / "other.mat")


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_truncated_files_are_refused(tmp_path, tiny, write, share):
    write(tmp_path / "whole.mat", tiny)
    whole = (tmp_path / "whole.mat").read_bytes()
    (tmp_path / "cut.mat").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(NetworkError, match=r"cannot read network .*cut.mat: "):
        vgg.load(tmp_path / "cut.mat")


@pytest.mark.parametrize("path", ["no/such/file.mat", "/"])
def test_paths_that_are_no_files_are_refused(path):
    with pytest.raises(NetworkError, match=r"No such file|it is a directory"):
        vgg.load(path)


@pytest.mark.network
def test_the_real_network(real_network):
    network = vgg.load(real_network)
    assert list(network.convolutions) == list(CONVOLUTIONS)
    np.testing.assert_allclose(network.mean_pixel, [123.68, 116.779, 103.939], rtol=1e-6)
    assert network.convolutions["conv5_1"][0].shape == (3, 3, 512, 512)


# Graph


def compute(network, image, layers, pooling="max"):
    """(name -> layer [h, w, C] of `image` [H, W, 3], the graph)."""
    with tf.Graph().as_default() as graph:
        convolutions, feed = vgg.variables(network, layers=layers)
        placeholder = tf.placeholder(image.dtype, [1, None, None, 3])
        net = vgg.build(placeholder, convolutions, layers=layers, pooling=pooling)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer(), feed)
            values = session.run(net, {placeholder: (image - network.mean_pixel)[None]})
    return {name: value[0] for name, value in values.items()}, graph


@pytest.mark.numerical
@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("size", spot_checks([(32, 48), (37, 21), (1, 1), (2, 17)], keep=(1, 2)))
def test_layers_agree_with_numpy(random, pooling, size):
    network = tiny_networks.tiny_network(np.float64)
    image = random.uniform(0, 255, (*size, 3))
    values, _ = compute(network, image, LAYERS, pooling)
    expected = numpy_layers(image, network, pooling)
    assert list(values) == list(LAYERS)
    for name, value in values.items():
        # 16 layers of sums of at most 73 float64 numbers: 16 * 73 * 1e-16 of the magnitudes, which are about 100
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.numerical
def test_a_network_of_ones_and_a_picture_of_ones():
    network = vgg.Network({name: (np.ones((3, 3, 1, 1)), np.full(1, 0.5)) for name in CONVOLUTIONS[:3]}, np.zeros(3))
    network.convolutions["conv1_1"] = np.ones((3, 3, 3, 1)), np.full(1, 0.5)
    values, _ = compute(network, np.ones((2, 2, 3)), ["conv1_1", "conv1_2", "pool1", "conv2_1"])
    assert values["conv1_1"].ravel().tolist() == [12.5] * 4  # 4 of 9 taps in the picture, 3 channels, bias
    assert values["conv1_2"].ravel().tolist() == [50.5] * 4
    assert values["pool1"].ravel().tolist() == [50.5]
    assert values["conv2_1"].ravel().tolist() == [51]


def test_nothing_is_built_past_the_last_layer(tiny, random):
    image = random.uniform(0, 255, (16, 16, 3)).astype(np.float32)
    values, graph = compute(tiny, image, ["relu2_1", "relu1_1"])
    assert set(values) == {"relu1_1", "relu2_1"}
    assert {operation.name for operation in graph.get_operations()}.isdisjoint({"conv2_2", "pool2"})
    assert len(graph.get_collection(tf.GraphKeys.GLOBAL_VARIABLES)) == 6  # kernel and bias of three convolutions


def test_a_layer_that_the_network_lacks(random):
    network = tiny_networks.tiny_network(names=("conv1_1",))
    with pytest.raises(KeyError):
        compute(network, random.uniform(0, 255, (8, 8, 3)).astype(np.float32), ["relu1_2"])


def test_weights_are_not_in_the_graph_definition(tiny, random):
    _, graph = compute(tiny, random.uniform(0, 255, (8, 8, 3)).astype(np.float32), ["relu5_4"])
    weights = sum(kernel.nbytes for kernel, _ in tiny.convolutions.values())
    constants = [op for op in graph.get_operations() if op.type == "Const"]
    assert sum(op.outputs[0].shape.num_elements() * 4 for op in constants) < weights / 10


def test_every_layer_knows_where_its_features_begin_in_the_whole(tiny, monkeypatch):
    """A tile that begins 16 px down and 48 px across begins at the cells 16 and 48 / stride."""
    origins = []

    def convolution(features, kernel, origin):
        origins.append(tuple(origin))
        return tf.zeros([*features.shape[:3], kernel.shape[2]])

    monkeypatch.setattr(layers, "WIDE", 1)
    monkeypatch.setattr(winograd, "convolution", convolution)
    with tf.Graph().as_default():
        convolutions, _ = vgg.variables(tiny)
        vgg.build(tf.zeros([1, 32, 32, 3]), convolutions, layers=["relu5_1"], origin=(16, 48))
    assert origins == [(16, 48)] * 2 + [(8, 24)] * 2 + [(4, 12)] * 4 + [(2, 6)] * 4 + [(1, 3)]
