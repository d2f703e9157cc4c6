"""The layout of Keras, and crafted HDF5 files, which are refused within `damage.SECONDS` and `damage.BYTES`."""

import os

import h5py
import numpy as np
import pytest

from brushwork.errors import NetworkError
from brushwork.network import hdf5
from tests.helpers import damage, tiny_networks
from tests.helpers.tiers import spot_checks


def arrays_in(path):
    with open(path, "rb") as file:
        return hdf5.read_arrays(file)


def test_the_first_kernel_is_for_bgr_in_the_file_and_for_rgb_here(tmp_path):
    kernel, deeper = np.zeros((2, 3, 3, 3, 3), np.float32)
    kernel[:, :, 0], kernel[:, :, 1], kernel[:, :, 2] = 10, 20, 30  # of blue, green, red
    deeper[:, :, 0] = 40
    with h5py.File(tmp_path / "net.h5", "w") as file:
        for layer, array in (("block1_conv1", kernel), ("block1_conv2", deeper)):
            file[f"{layer}/kernel:0"], file[f"{layer}/bias:0"] = array, np.arange(3.0)
    arrays = arrays_in(tmp_path / "net.h5")
    assert arrays["conv1_1.kernel"][1, 1, :, 0].tolist() == [30, 20, 10]
    assert arrays["conv1_2.kernel"][1, 1, :, 0].tolist() == [40, 0, 0]
    assert arrays["conv1_2.bias"].tolist() == [0, 1, 2]
    assert arrays["mean_pixel"].tolist() == [123.68, 116.779, 103.939]  # RGB, as MatConvNet's file has it


def test_limits(tmp_path, tiny, monkeypatch):
    tiny_networks.write_keras(tmp_path / "net.h5", tiny)
    size = sum(kernel.nbytes + bias.nbytes for kernel, bias in tiny.convolutions.values())
    monkeypatch.setattr(hdf5, "MAX_BYTES", size)
    monkeypatch.setattr(hdf5, "MAX_ITEMS", 17 + 2 * 16)  # 16 layers and a pooling, two arrays in each layer
    monkeypatch.setattr(hdf5, "MAX_DEPTH", 1)
    arrays_in(tmp_path / "net.h5")
    for name, value in (("MAX_BYTES", size - 1), ("MAX_ITEMS", 48), ("MAX_DEPTH", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(hdf5, name, value)
            with pytest.raises(NetworkError):
                arrays_in(tmp_path / "net.h5")


def craft(path, name):
    with h5py.File(path, "w") as file:
        if name == "deep":
            group = file
            for _ in range(20_000):
                group = group.create_group("g")
        elif name == "wide":
            for number in range(6000):
                file.create_group(f"g{number}")
        elif name == "large":
            for block in range(1, 6):
                shape = (4096, 9, 100, 4096)
                file.create_dataset(
                    f"block{block}_conv1/kernel:0", shape, "f4", chunks=(1, 1, 100, 4096), compression=9
                )
        elif name == "loop":
            file["block1_conv1"] = h5py.SoftLink("/")
            file["self"] = file["/"]
        elif name == "texts":
            file["block1_conv1/kernel:0"] = np.array(["a", "b"], object)
        elif name == "elsewhere":
            file["block1_conv1"] = h5py.ExternalLink("/dev/zero", "/")
        elif name == "chunk":  # of 1 GB, for 64 numbers, under 400 names
            dataset = file.create_dataset("block1_conv1/b", (64,), "f4", chunks=(250_000_000,), maxshape=(None,))
            for number in range(400):
                file[f"block1_conv1/b{number}"] = dataset
        elif name == "external":
            path.with_suffix(".secret").write_bytes(bytes(range(64)))
            place = [(str(path.with_suffix(".secret")), 0, 64)]
            file.create_dataset("block1_conv1/bias", (64,), "u1", external=place)
        elif name == "pipe":
            os.mkfifo(path.with_suffix(".pipe"))
            file.create_dataset("block1_conv1/bias", (64,), "u1", external=[(str(path.with_suffix(".pipe")), 0, 64)])
        elif name == "virtual":
            layout = h5py.VirtualLayout((64,), "u1")
            layout[:] = h5py.VirtualSource("other.h5", "secret", shape=(64,))
            file.create_virtual_dataset("block1_conv1/bias", layout)


CRAFTED = {  # a part of the sentence
    "external": "its /block1_conv1/bias refers to another file",
    "virtual": "its /block1_conv1/bias refers to another file",
    "pipe": "its /block1_conv1/bias refers to another file",
    "chunk": "impossible shape (64,) in chunks of (250000000,)",
    "deep": "more than 8 levels",
    "wide": "more than 5000 items",
    "large": "impossible shape",
    "loop": "more than 8 levels",
    "texts": "damaged or truncated (ValueError)",
    "elsewhere": "it holds no layer",
}


@pytest.mark.parametrize("name", spot_checks(CRAFTED, keep=(0, 1, 3, 4)))
def test_crafted_files_are_refused(tmp_path, name):
    path = tmp_path / "net.h5"
    craft(path, name)
    verdict = damage.verdict_on("network", path)
    assert verdict.startswith(f"refused: cannot read network {path}: ")
    assert CRAFTED[name] in verdict
