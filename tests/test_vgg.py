"""The network as a graph."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import oracle
import tiny_networks
import vgg
from layers import LAYERS


def compute(network, image, layers, pooling):
    with tf.Graph().as_default() as graph:
        convolutions, weights = vgg.variables(network)
        placeholder = tf.placeholder(image.dtype, [1, None, None, 3])
        net = vgg.build(placeholder, convolutions, layers=layers, pooling=pooling)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer(), weights)
            values = session.run(net, {placeholder: (image - network.mean_pixel)[None]})
    return {name: value[0] for name, value in values.items()}, graph


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize("size", [(32, 48), (37, 21), (1, 1), (2, 17)])
def test_layers_agree_with_numpy(random, pooling, size):
    network = tiny_networks.tiny_network(np.float64)
    image = random.uniform(0, 255, (*size, 3))
    values, _ = compute(network, image, LAYERS, pooling)
    expected = oracle.numpy_layers(image, network, pooling)
    assert list(values) == list(LAYERS)
    for name, value in values.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_layer_names():
    assert len(LAYERS) == 16 + 16 + 4
    assert LAYERS[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1")
    assert LAYERS[-1] == "relu5_4"


def test_nothing_is_built_past_the_last_layer(tiny, random):
    values, graph = compute(tiny, random.uniform(0, 255, (16, 16, 3)).astype(np.float32), ["relu2_1", "relu1_1"], "max")
    assert set(values) == {"relu1_1", "relu2_1"}
    names = {operation.name for operation in graph.get_operations()}
    assert "relu2_1" in names
    assert "conv2_2" not in names


def test_a_layer_past_the_end_of_the_network(random):
    network = tiny_networks.tiny_network(names=("conv1_1",))
    with pytest.raises(KeyError):
        compute(network, random.uniform(0, 255, (8, 8, 3)).astype(np.float32), ["relu1_2"], "max")


def test_weights_are_not_in_the_graph_definition(tiny, random):
    _, graph = compute(tiny, random.uniform(0, 255, (8, 8, 3)).astype(np.float32), ["relu5_4"], "max")
    weights = sum(kernel.nbytes for kernel, _ in tiny.convolutions.values())
    constants = [op for op in graph.get_operations() if op.type == "Const"]
    assert sum(op.outputs[0].shape.num_elements() * 4 for op in constants) < weights / 10
