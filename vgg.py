"""VGG-19: a file of weights -> the network's layers, by name, as tensors of a TensorFlow 1 graph.

    network = vgg.load("pocket")
    convolutions, feed = vgg.variables(network)
    net = vgg.build(image - network.mean_pixel, convolutions, layers=["relu1_1", "relu4_2"], pooling="avg")

Source: Simonyan and Zisserman 2014, configuration E, without the fully connected layers.
"""

import importlib
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from brushwork import files
from brushwork.digest import digest_of
from brushwork.errors import NetworkError
from brushwork.network import isolated, store
from brushwork.network.layers import CONVOLUTIONS, LAYERS, stride, up_to_last

if TYPE_CHECKING:
    import tensorflow.compat.v1 as tf

    from brushwork.network.operations import Kernels

MAX_CHANNELS = 1024  # of a layer: twice as many as in VGG-19. The matrices of style losses grow with their square.

# TensorFlow is imported in the functions that build the graph, so that a damaged file is reported without the wait.


@dataclass(frozen=True)
class Network:
    """The weights of a VGG-19, or of its first layers."""

    # name, such as "conv3_1" -> (kernel [3, 3, in, out], bias [out]), in the order of computation; the first takes RGB
    convolutions: dict[str, tuple[np.ndarray, np.ndarray]]
    mean_pixel: np.ndarray  # [3], RGB, 0..255, to be subtracted from a picture before `build`

    @cached_property
    def digest(self) -> str:
        """A text that differs for different weights."""
        return digest_of(*itertools.chain(*self.convolutions.values()), self.mean_pixel)


def load(path: str | os.PathLike = "pocket") -> Network:
    """Read a `Network` from a file: MatConvNet's .mat of any generation, or Keras's HDF5. Raises NetworkError.

    path: of the file; or "pocket", the included network; or "vgg19", the full one, which is downloaded if it is not
    in the cache. Other files are read in a process of their own, so that a crafted one can do no harm.
    """
    path = store.resolve(os.fspath(path))
    try:
        with files.open_regular(path) as file:
            reader = f"brushwork.network.{_format(file.read(128))}"
            file.seek(0)
            if store.is_trusted(path):
                return from_arrays(importlib.import_module(reader).read_arrays(file))
            return from_arrays(isolated.read(file, reader))
    except ImportError:
        raise
    except Exception as error:  # scipy and h5py raise many types on a damaged file
        raise NetworkError(f"cannot read network {path}: {isolated.reason(error)}") from None


def _format(head):
    """The name of the module in brushwork.network that reads a file with these first bytes. Raises NetworkError."""
    if head.startswith(b"MATLAB 5.0"):
        return "matlab"
    if head.startswith(b"\x89HDF\r\n\x1a\n"):
        return "hdf5"
    if head.startswith(b"MATLAB 7.3"):
        raise NetworkError("a MATLAB 7.3 file; save it again in MATLAB with -v7")
    raise NetworkError("neither a MATLAB nor an HDF5 file")


def from_arrays(arrays: Mapping[str, np.ndarray]) -> Network:
    """The `Network` of arrays by name: conv1_1.kernel, conv1_1.bias, ..., mean_pixel. Raises NetworkError."""
    kernels = [name for name in CONVOLUTIONS if f"{name}.kernel" in arrays and f"{name}.bias" in arrays]
    convolutions = {name: (arrays[f"{name}.kernel"], arrays[f"{name}.bias"]) for name in kernels}
    return checked(convolutions, arrays["mean_pixel"])


def checked(convolutions: Mapping[str, tuple[np.ndarray, np.ndarray]], mean_pixel: np.ndarray) -> Network:
    """The `Network` of these arrays, in float32. Raises NetworkError unless they are a VGG-19 or its first layers.

    convolutions, mean_pixel: as in `Network`.
    """
    present = [name for name in CONVOLUTIONS if name in convolutions]
    if not present:
        raise NetworkError("it holds no layer named conv1_1 (MatConvNet) or block1_conv1 (Keras)")
    for name in CONVOLUTIONS[: len(present)]:
        if name not in convolutions:
            kind = "a VGG-16 network" if name == "conv3_4" else "not a VGG-19 network"
            raise NetworkError(f"{kind}: it has no layer {name}")
    channels, result = 3, {}
    for name in present:
        result[name] = kernel, bias = tuple(np.ascontiguousarray(array, np.float32) for array in convolutions[name])
        if kernel.ndim != 4 or kernel.shape[:2] != (3, 3):
            raise NetworkError(f"{name} has a kernel of shape {kernel.shape}, not 3x3")
        if kernel.shape[2] != channels:
            raise NetworkError(f"{name} expects {kernel.shape[2]} input channels, got {channels}")
        channels = kernel.shape[3]
        if not 0 < channels <= MAX_CHANNELS:
            raise NetworkError(f"{name} has {channels} channels; at least 1 and at most {MAX_CHANNELS} are possible")
        if bias.shape != (channels,):
            raise NetworkError(f"{name} has {channels} kernels but {bias.size} biases")
        if not (np.isfinite(kernel).all() and np.isfinite(bias).all()):
            raise NetworkError(f"{name} has weights that are not finite")
    mean_pixel = np.asarray(mean_pixel, np.float32)
    if mean_pixel.shape != (3,) or not ((mean_pixel >= 0) & (mean_pixel <= 255)).all():
        raise NetworkError("its mean pixel is not a colour of 0 to 255")
    return Network(result, mean_pixel)


def variables(
    network: Network, dtype: "tf.DType | None" = None, *, layers: Sequence[str] = LAYERS
) -> tuple[dict, dict]:
    """Add the weights that `layers` need to the default graph, as variables of type dtype; None: of the arrays' type.

    Returns (convolutions, feed). convolutions: name -> (kernel variable [3, 3, in, out], or [36, in, out] where
    `winograd` pays; bias variable [out]). feed: what to feed when the variables are initialised, placeholder -> array.
    They are not constants because TensorFlow copies constants in every pass over the graph's definition.
    """
    import tensorflow.compat.v1 as tf

    from brushwork.network import winograd

    convolutions, feed = {}, {}

    def variable(array, transform=tf.identity):
        value = tf.placeholder(array.dtype, array.shape)
        feed[value] = array
        value = transform(tf.cast(value, dtype or value.dtype))
        return tf.Variable(value, trainable=False, use_resource=True)

    for name in up_to_last(layers):
        if name in network.convolutions:
            kernel, bias = network.convolutions[name]
            fast = dtype != tf.bfloat16 and winograd.pays(kernel)
            convolutions[name] = variable(kernel, winograd.transformed if fast else tf.identity), variable(bias)
    return convolutions, feed


def build(
    image: "tf.Tensor",
    convolutions: Mapping[str, tuple],
    *,
    layers: Sequence[str],
    pooling: str = "max",
    origin: Sequence = (0, 0),
    kernels: "Kernels | None" = None,
) -> dict[str, "tf.Tensor"]:
    """The named layers of the network above `image`: name -> tensor [N, ceil(H / stride), ceil(W / stride), C].

    image: tensor [N, H, W, 3], RGB, the mean pixel subtracted; H and W may be unknown.
    convolutions: what `variables` returns, or the arrays of a `Network`, of the image's type; zero padding (SAME), as
    in the published network. Raises KeyError for a layer whose convolutions are missing.
    layers: names from `LAYERS`. Layers after the last of them are not built.
    pooling: "max" or "avg", 2x2, stride 2. Gatys et al. 2015, section 2: average pooling gives smoother pictures.
    origin: (top, left) of the image in the picture that it is a tile of, px, integers or scalar tensors. It aligns the
    blocks of `winograd` with those of the whole picture and affects rounding only.
    kernels: the operations to use; None: those that are found to be the fastest on this machine.
    """
    import tensorflow.compat.v1 as tf

    from brushwork.network import operations, winograd

    kernels = operations.fastest(image.dtype, pooling) if kernels is None else kernels
    net, current = {}, image
    for name in up_to_last(layers):
        if name.startswith("conv"):
            kernel, bias = convolutions[name]
            if len(kernel.shape) == 3:
                current = winograd.convolution(current, kernel, [position // stride(name) for position in origin])
            else:
                current = operations.convolution(current, kernel, kernels)
            current = tf.nn.bias_add(current, bias, name=name)
        elif name.startswith("relu"):
            current = tf.nn.relu(current, name=name)
        elif pooling == "max":
            current = operations.max_pool(current, kernels)
        else:
            current = tf.nn.avg_pool2d(current, ksize=2, strides=2, padding="SAME", name=name)
        net[name] = current
    return {name: net[name] for name in layers}
