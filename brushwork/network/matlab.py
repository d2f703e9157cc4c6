"""Weights as MatConvNet publishes them: a MATLAB 5 file of any generation -> convolutions and mean pixel.

SciPy trusts the file: a wrong byte can crash the process, and a short file can take all memory. Files of strangers are
therefore read by `network.isolated`.
"""

import io
from typing import BinaryIO

import numpy as np
import scipy.io

from brushwork.errors import NetworkError
from brushwork.network.layers import CONVOLUTIONS

MAX_LAYERS = 1000  # the full VGG-19 has 43


def read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the arrays of an open MatConvNet file, unchecked: those that `vgg.from_arrays` takes.

    Raises NetworkError, and whatever SciPy raises for a damaged file.
    """
    # Not simplify_cells: it would drop an axis of length one from a kernel.
    contents = scipy.io.loadmat(file, variable_names=["layers", "meta", "normalization"])
    if "layers" not in contents:
        raise NetworkError("a MATLAB file without a network: it has no variable 'layers'")
    if contents["layers"].size > MAX_LAYERS:
        raise NetworkError(f"not a network: it has {contents['layers'].size} layers")
    layers = {str(_field(layer, "name").item()): layer for layer in contents["layers"].ravel()}
    arrays = {}
    for name in CONVOLUTIONS:
        if name in layers:
            arrays[f"{name}.kernel"], arrays[f"{name}.bias"] = _convolution(layers[name])
    return arrays | {"mean_pixel": _mean_pixel(contents)}


def example() -> BinaryIO:
    """A small file of this format, which holds no network."""
    file, cells = io.BytesIO(), np.empty((1, 1), object)
    cells[0, 0] = {"name": "a", "weights": np.zeros((1, 2))}
    scipy.io.savemat(file, {"layers": cells}, do_compression=True)
    return file


def _convolution(layer):
    """(kernel [height, width, in, out], bias [out]) of one convolutional layer."""
    if "weights" in layer.dtype.names:
        kernel, bias = _field(layer, "weights").ravel()
    else:  # the oldest generation
        kernel, bias = _field(layer, "filters"), _field(layer, "biases")
    kernel = kernel.reshape(kernel.shape + (1,) * (4 - kernel.ndim))  # MATLAB drops trailing axes of length one
    return kernel.transpose(1, 0, 2, 3), bias.reshape(-1)  # stored as [width, height, in, out]


def _mean_pixel(contents):
    """[3], RGB, 0..255: the average of what the file has, a colour or a picture."""
    normalization = contents.get("normalization")
    if normalization is None and "meta" in contents:
        normalization = _field(contents["meta"], "normalization")
    if normalization is None:
        raise NetworkError("a MATLAB file without the network's mean: it has no 'normalization'")
    average = np.asarray(_field(normalization, "averageImage"), np.float64)  # [3], [1, 1, 3] or [224, 224, 3]
    if average.size % 3 or not average.size:
        raise NetworkError("its averageImage is not a colour picture")
    return average.reshape(-1, 3).mean(axis=0)


def _field(struct, name):
    """The field `name` of a 1x1 MATLAB struct as SciPy reads it."""
    if name not in (struct.dtype.names or ()):
        raise NetworkError(f"a MATLAB file of another kind: it has no field '{name}'")
    return struct[name].ravel()[0]
