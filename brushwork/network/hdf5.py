"""Weights as Keras publishes them: an HDF5 file without the fully connected layers -> convolutions and mean pixel.

HDF5 opens other files that a dataset names, and decompresses chunks of any size. Files of strangers are therefore read
by `network.isolated`, and datasets whose numbers lie elsewhere are refused.
"""

import io
import re
from typing import BinaryIO

import h5py
import numpy as np

from brushwork.errors import NetworkError

KERAS_MEAN_PIXEL = (123.68, 116.779, 103.939)  # RGB, 0..255; not in the file
MAX_BYTES, MAX_ITEMS, MAX_DEPTH = 400_000_000, 5000, 8  # of all layers, of groups and datasets, of nesting


def read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """Read the arrays of an open Keras file, unchecked: those that `vgg.from_arrays` takes.

    They are a kernel of 4 dimensions and a bias of 1 in each group block{B}_conv{C}, at any depth. Raises NetworkError
    if the file exceeds a limit or refers to another file, and whatever h5py raises for a damaged file.
    """
    arrays, bytes_left = {}, MAX_BYTES
    with h5py.File(file, "r") as h5:
        for name, dataset in _datasets(h5):
            match = re.search(r"(?:^|/)block(\d)_conv(\d)/", name)
            if match and dataset.ndim in (1, 4):
                bytes_left -= _bytes_to_read(dataset)
                if bytes_left < 0:
                    chunks = f" in chunks of {dataset.chunks}" if dataset.chunks else ""
                    raise NetworkError(f"its {name} has the impossible shape {dataset.shape}{chunks}")
                part = "kernel" if dataset.ndim == 4 else "bias"
                arrays["conv{}_{}.{}".format(*match.groups(), part)] = dataset[()]
    if "conv1_1.kernel" in arrays:
        arrays["conv1_1.kernel"] = arrays["conv1_1.kernel"][:, :, ::-1]  # Keras feeds BGR
    return arrays | {"mean_pixel": np.array(KERAS_MEAN_PIXEL)}


def example() -> BinaryIO:
    """A small file of this format, which holds one bias."""
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        h5.create_dataset("block1_conv1/bias", data=np.zeros(9, np.float32), compression="gzip", shuffle=True)
    return file


def _bytes_to_read(dataset):
    """The bytes that reading a dataset takes; of chunks, at least one. Raises NetworkError if they are elsewhere."""
    properties = dataset.id.get_create_plist()
    if dataset.is_virtual or properties.get_external_count():
        raise NetworkError(f"its {dataset.name} refers to another file")
    chunk = int(np.prod(dataset.chunks, dtype=float)) * dataset.dtype.itemsize if dataset.chunks else 0
    return max(dataset.nbytes, chunk)


def _datasets(file):
    """Yield (path, dataset). Links are not followed, and there is no recursion: crafted files may nest without end."""
    groups, seen = [("", file)], 0
    while groups:
        path, group = groups.pop()
        seen += len(group)
        if seen > MAX_ITEMS or path.count("/") > MAX_DEPTH:
            raise NetworkError(f"not a network: it has more than {MAX_ITEMS} items or more than {MAX_DEPTH} levels")
        for name in group:
            if isinstance(group.get(name, getlink=True), h5py.HardLink):
                item = group[name]
                if isinstance(item, h5py.Dataset):
                    yield f"{path}{name}", item
                elif isinstance(item, h5py.Group):
                    groups.append((f"{path}{name}/", item))
