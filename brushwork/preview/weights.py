"""The weights of the preview network: a file of 8-bit kernels -> arrays by the names of the layers."""

import functools
import hashlib
import io
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from brushwork import files
from brushwork.digest import digest_of
from brushwork.errors import NetworkError
from brushwork.network import isolated
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
    """Read the weights in a file; one that is not included is read in a process of its own. Raises NetworkError."""
    try:
        with files.open_regular(path) as file:
            if path == FILE:
                data = file.read()
                if hashlib.sha256(data).hexdigest() != DIGEST:
                    raise NetworkError("it is not the file that belongs to this program; install it again")
                arrays = read_arrays(io.BytesIO(data))
            else:
                arrays = isolated.read(file, __name__)
        return checked_weights(
            {name: (arrays[f"{name}.kernel"], arrays.get(f"{name}.bias")) for name in kernel_shapes()}
        )
    except ImportError:
        raise
    except Exception as error:  # zipfile and NumPy raise any type of exception for a mangled file
        raise NetworkError(f"cannot read network {path}: {isolated.reason(error)}") from error


def read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """The kernels and biases of all layers in an open file, float32, by name: first.kernel, first.bias, ...

    Kernels are stored as 8-bit integers with a factor for each output. Raises NetworkError, and whatever NumPy raises
    for a damaged file.
    """
    result = {}
    with np.load(file, allow_pickle=False) as arrays:
        for name in kernel_shapes():
            if f"{name}.kernel" not in arrays:
                raise NetworkError(f"it has no layer {name}")
            kernel, factor = arrays[f"{name}.kernel"].astype(np.float32), arrays[f"{name}.factor"]
            result[f"{name}.kernel"] = kernel * (factor[:, np.newaxis] if name.endswith("_depthwise") else factor)
            if f"{name}.bias" in arrays:
                result[f"{name}.bias"] = arrays[f"{name}.bias"]
    return result


def example() -> BinaryIO:
    """A small file of this format, which holds no layer."""
    file = io.BytesIO()
    np.savez_compressed(file, **{f"first.{part}": np.zeros((1, 1), np.int8) for part in ("kernel", "factor")})
    file.seek(0)
    return file


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
