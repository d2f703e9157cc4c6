"""Weights as Keras publishes them: an HDF5 file without the fully connected layers -> convolutions and mean pixel."""

import os
import re

import h5py
import numpy as np

from brushwork.errors import NetworkError

KERAS_MEAN_PIXEL = (123.68, 116.779, 103.939)  # RGB, 0..255; not in the file
# Limits for crafted files: channels of a layer, bytes of all layers, items, and levels of nesting.
MAX_CHANNELS, MAX_BYTES, MAX_ITEMS, MAX_DEPTH = 4096, 400_000_000, 5000, 8


def read(path: str | os.PathLike) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Read a Keras file: a kernel of 4 dimensions and a bias of 1 in each group block{B}_conv{C}, at any depth.

    Returns (convolutions, mean pixel) as in `vgg.Network`, which are not checked. Raises NetworkError if the file
    exceeds a limit, and whatever h5py raises for a damaged file.
    """
    found, bytes_left = {}, MAX_BYTES
    with h5py.File(path, "r") as file:
        for name, dataset in _datasets(file):
            match = re.search(r"(?:^|/)block(\d)_conv(\d)/", name)
            if match and dataset.ndim in (1, 4):
                bytes_left -= dataset.nbytes
                if max(dataset.shape) > MAX_CHANNELS or bytes_left < 0:
                    raise NetworkError(f"its {name} has the impossible shape {dataset.shape}")
                found.setdefault("conv{}_{}".format(*match.groups()), {})[dataset.ndim] = dataset[()]
    convolutions = {name: (arrays[4], arrays[1]) for name, arrays in found.items() if len(arrays) == 2}
    if "conv1_1" in convolutions:
        kernel, bias = convolutions["conv1_1"]
        convolutions["conv1_1"] = kernel[:, :, ::-1], bias  # Keras feeds BGR
    return convolutions, np.array(KERAS_MEAN_PIXEL)


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
