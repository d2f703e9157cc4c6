"""The layout of Keras, and crafted HDF5 files, which are refused within `damage.SECONDS` and `damage.BYTES`."""

import h5py
import numpy as np
import pytest

from brushwork.errors import NetworkError
from brushwork.network import hdf5
from tests.helpers import damage, tiny_networks


def test_the_first_kernel_is_for_bgr_in_the_file_and_for_rgb_here(tmp_path):
    kernel, deeper = np.zeros((2, 3, 3, 3, 3), np.float32)
    kernel[:, :, 0], kernel[:, :, 1], kernel[:, :, 2] = 10, 20, 30  # of blue, green, red
    deeper[:, :, 0] = 40
    with h5py.File(tmp_path / "net.h5", "w") as file:
        for layer, array in (("block1_conv1", kernel), ("block1_conv2", deeper)):
            file[f"{layer}/kernel:0"], file[f"{layer}/bias:0"] = array, np.arange(3.0)
    convolutions, mean_pixel = hdf5.read(tmp_path / "net.h5")
    assert convolutions["conv1_1"][0][1, 1, :, 0].tolist() == [30, 20, 10]
    assert convolutions["conv1_2"][0][1, 1, :, 0].tolist() == [40, 0, 0]
    assert convolutions["conv1_2"][1].tolist() == [0, 1, 2]
    assert mean_pixel.tolist() == [123.68, 116.779, 103.939]  # RGB, as MatConvNet's file has it


def test_limits(tmp_path, tiny, monkeypatch):
    tiny_networks.write_keras(tmp_path / "net.h5", tiny)
    size = sum(kernel.nbytes + bias.nbytes for kernel, bias in tiny.convolutions.values())
    monkeypatch.setattr(hdf5, "MAX_BYTES", size)
    monkeypatch.setattr(hdf5, "MAX_ITEMS", 17 + 2 * 16)  # 16 layers and a pooling, two arrays in each layer
    monkeypatch.setattr(hdf5, "MAX_CHANNELS", 8)
    monkeypatch.setattr(hdf5, "MAX_DEPTH", 1)
    hdf5.read(tmp_path / "net.h5")
    for name, value in (("MAX_BYTES", size - 1), ("MAX_ITEMS", 48), ("MAX_CHANNELS", 7), ("MAX_DEPTH", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(hdf5, name, value)
            with pytest.raises(NetworkError):
                hdf5.read(tmp_path / "net.h5")


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


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("deep", "more than 8 levels"),
        ("wide", "more than 5000 items"),
        ("large", "impossible shape"),
        ("loop", "more than 8 levels"),
        ("texts", "it holds no layer"),
        ("elsewhere", "it holds no layer"),
    ],
)
def test_crafted_files_are_refused(tmp_path, name, reason):
    path = tmp_path / "net.h5"
    craft(path, name)
    verdict = damage.verdict_on("network", path)
    assert verdict.startswith(f"refused: cannot read network {path}: ")
    assert reason in verdict
