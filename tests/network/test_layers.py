"""Names, strides and receptive fields of the layers, by hand."""

import numpy as np
import pytest

from brushwork.network import layers


def test_names():
    assert len(layers.LAYERS) == 16 + 16 + 4
    assert layers.LAYERS[:6] == ("conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1")
    assert layers.LAYERS[-3:] == ("relu5_3", "conv5_4", "relu5_4")
    assert [name for name in layers.LAYERS if name.startswith("pool")] == ["pool1", "pool2", "pool3", "pool4"]
    assert "pool1" not in layers.FEATURES
    assert len(layers.FEATURES) == 32


def test_up_to_last():
    assert layers.up_to_last(["relu2_1", "relu1_1"]) == layers.LAYERS[:7]
    assert layers.up_to_last(["relu2_1"])[-1] == "relu2_1"
    assert layers.up_to_last([]) == ()


@pytest.mark.parametrize(("layer", "stride"), [("conv1_2", 1), ("relu2_1", 2), ("conv3_4", 4), ("relu5_1", 16)])
def test_stride(layer, stride):
    assert layers.stride(layer) == stride


@pytest.mark.parametrize(
    ("layer", "reach"),
    # Each convolution adds its stride: 1 + 1, 2 + 2, 4 times 4, 4 times 8, 16.
    [("relu1_1", 1), ("relu1_2", 2), ("relu2_1", 4), ("conv2_2", 6), ("relu3_4", 22), ("relu4_1", 30), ("conv5_1", 70)],
)
def test_reach(layer, reach):
    assert layers.reach(layer) == reach


@pytest.mark.parametrize(("inputs", "outputs", "wide"), [(128, 256, True), (64, 128, False), (512, 127, False)])
def test_is_wide(inputs, outputs, wide):
    assert layers.is_wide(np.empty([3, 3, inputs, outputs])) == wide
