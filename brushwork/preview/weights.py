"""The weights of the preview network: a file of 8-bit kernels -> arrays by the names of the layers."""

import functools
import hashlib
import io
import os
from dataclasses import dataclass

import numpy as np

from brushwork import files
from brushwork.digest import digest_of
from brushwork.errors import NetworkError
from brushwork.preview.layers import kernel_shapes

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lite.npz")
DIGEST = "b42fcfd4f89f9ed3a8c40dd8f23c170a11b9eb8cbb4a5c3c175351486357bc34"  # SHA-256 of FILE


@dataclass(frozen=True)
class PreviewWeights:
    """The weights of a preview network, float32."""

    # layer -> (kernel [height, width, in, out], of depthwise layers [height, width, in, 1]; bias [out] or None)
    layers: dict[str, tuple[np.ndarray, np.ndarray | None]]

    @functools.cached_property
    def digest(self) -> str:
        """A digest of all weights."""
        return digest_of(*(array for arrays in self.layers.values() for array in arrays if array is not None))


def load(path: str = FILE) -> PreviewWeights:
    """Read the weights in a file. Raises NetworkError."""
    try:
        with files.open_regular(path) as file:
            data = file.read()
        if path == FILE and hashlib.sha256(data).hexdigest() != DIGEST:
            raise NetworkError("it is not the file that belongs to this program; install it again")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return checked_weights({name: _layer(name, arrays) for name in kernel_shapes()})
    except Exception as error:  # zipfile and NumPy raise any type of exception for a mangled file
        reason = str(error) if isinstance(error, NetworkError) else getattr(error, "strerror", None)
        raise NetworkError(f"cannot read network {path}: {reason or 'damaged'}") from error


def _layer(name, arrays):
    """(kernel, bias) of a layer, float32. Kernels are stored as 8-bit integers with a factor for each output."""
    if f"{name}.kernel" not in arrays:
        raise NetworkError(f"it has no layer {name}")
    kernel, factor = arrays[f"{name}.kernel"].astype(np.float32), arrays[f"{name}.factor"]
    bias = arrays.get(f"{name}.bias")
    return kernel * (factor[:, np.newaxis] if name.endswith("_depthwise") else factor), bias


def checked_weights(layers: dict[str, tuple[np.ndarray, np.ndarray | None]]) -> PreviewWeights:
    """Make PreviewWeights of all layers. Raises NetworkError for wrong shapes and values that are not finite."""
    for name, (shape, biased) in kernel_shapes().items():
        kernel, bias = layers[name]
        outputs = shape[2] if name.endswith("_depthwise") else shape[3]
        if kernel.shape != shape or (bias is not None) != biased or (biased and bias.shape != (outputs,)):
            raise NetworkError(f"{name} has a kernel of shape {kernel.shape}, not {shape}, or not the right bias")
        if not all(np.isfinite(array).all() for array in (kernel, bias) if array is not None):
            raise NetworkError(f"{name} has weights that are not finite")
    return PreviewWeights(layers)
