"""VGG-19s of 2 to 8 channels, the files they come in, and a comparison of networks."""

import h5py
import numpy as np
import scipy.io

from brushwork.network.layers import CONVOLUTIONS
from vgg import Network

# Settings of a loss whose graph is small, for tests in which the other layers would say the same again.
FEW_LAYERS = {"content_layers": ("relu2_2",), "style_layers": ("relu1_1", "relu2_1")}
CHANNELS = {"1": 2, "2": 3, "3": 4, "4": 6, "5": 8}
MEAN_PIXEL = np.array([123.68, 116.779, 103.939])


def tiny_network(dtype=np.float32, names=CONVOLUTIONS, seed=1):
    """A network of random kernels, scaled so that the features of all layers have about the same magnitude."""
    random = np.random.default_rng(seed)
    convolutions, channels = {}, 3
    for name in names:
        outputs = CHANNELS[name[4]]
        kernel = random.normal(0, np.sqrt(2 / (9 * channels)), (3, 3, channels, outputs))
        bias = random.normal(0, 0.5, outputs)
        # Rounded to float32 whatever the type, so that a float64 network has the same weights.
        convolutions[name] = kernel.astype(np.float32).astype(dtype), bias.astype(np.float32).astype(dtype)
        channels = outputs
    return Network(convolutions, MEAN_PIXEL.astype(dtype))


def assert_same(network, expected):
    """Check that two networks have the same layers in the same order, the same weights and the same mean pixel."""
    assert list(network.convolutions) == list(expected.convolutions)
    for name, arrays in network.convolutions.items():
        for array, expected_array in zip(arrays, expected.convolutions[name], strict=True):
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, expected_array)
    np.testing.assert_allclose(network.mean_pixel, expected.mean_pixel, rtol=1e-6)  # float32


def write_matconvnet(file, network, *, layout="today"):
    """Write a network as MatConvNet does: "today", "older" (with a mean picture), "oldest" (filters and biases)."""
    layers = []
    for name, (kernel, bias) in network.convolutions.items():
        kernel = kernel[..., 0] if kernel.shape[-1] == 1 else kernel  # MATLAB drops trailing axes of length one
        stored = kernel.swapaxes(0, 1), bias.reshape(-1, 1)  # [width, height, in, out]
        if layout == "oldest":
            layers.append({"filters": stored[0], "biases": stored[1], "name": name, "type": "conv"})
        else:
            weights = np.empty((1, 2), object)
            weights[0, :] = stored
            layers.append({"pad": 1, "type": "conv", "name": name, "weights": weights})
        layers.append({"name": name.replace("conv", "relu"), "type": "relu"})
    layers.append({"name": "fc6", "type": "conv", "filters": np.zeros((7, 7, 2, 2)), "biases": np.zeros(2)})
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    if layout == "today":
        contents = {"layers": cells, "meta": {"normalization": {"averageImage": network.mean_pixel.reshape(1, 1, 3)}}}
    else:
        ramp = np.linspace(-1, 1, 224)[:, None, None]  # only the average of the picture is the mean pixel
        picture = network.mean_pixel + ramp * np.array([10.0, 20.0, 30.0]) * np.ones((1, 224, 1))
        contents = {"layers": cells, "normalization": {"averageImage": picture}}
    scipy.io.savemat(file, contents)


def write_keras(file, network, *, nested=False):
    """Write a network as Keras does, the first kernel for BGR; nested as in newer files."""
    with h5py.File(file, "w") as h5:
        for name, (kernel, bias) in network.convolutions.items():
            block, index = name[4:].split("_")
            layer = f"block{block}_conv{index}"
            group = h5.create_group(f"{layer}/vgg19/{layer}" if nested else layer)
            kernel = kernel[:, :, ::-1] if name == "conv1_1" else kernel
            group.create_dataset("kernel:0" if nested else f"{layer}_W_1:0", data=kernel)
            group.create_dataset("bias:0" if nested else f"{layer}_b_1:0", data=bias)
        h5.create_group("block1_pool")
