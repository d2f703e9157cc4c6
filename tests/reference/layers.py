"""The network in NumPy, float64: SciPy's correlation, and pooling cell by cell."""

import numpy as np
from scipy.ndimage import correlate


def numpy_layers(image, network, pooling):
    """Every layer of the network above `image` [H, W, 3], name -> [h, w, C], by SciPy's correlation, in float64."""
    current, net = np.asarray(image, np.float64) - network.mean_pixel, {}
    for name, (kernel, bias) in network.convolutions.items():
        if name.endswith("_1") and name != "conv1_1":
            current = pooled(current, pooling)
            net[f"pool{int(name[4]) - 1}"] = current
        current = convolved(current, np.asarray(kernel, np.float64)) + bias
        net[name] = current
        current = np.maximum(current, 0)
        net[name.replace("conv", "relu")] = current
    return net


def convolved(image, kernel):
    """Zero-padded correlation of [h, w, in] with [3, 3, in, out]."""
    outputs = [
        sum(correlate(image[:, :, i], kernel[:, :, i, o], mode="constant") for i in range(kernel.shape[2]))
        for o in range(kernel.shape[3])
    ]
    return np.stack(outputs, axis=-1)


def pooled(image, pooling):
    """2x2 pooling, stride 2, of [h, w, C]; at an odd border over what is there."""
    height, width, channels = image.shape
    reduce = {"max": np.max, "avg": np.mean}[pooling]
    result = np.empty(((height + 1) // 2, (width + 1) // 2, channels))
    for y, x in np.ndindex(result.shape[:2]):
        result[y, x] = reduce(image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2], axis=(0, 1))
    return result
