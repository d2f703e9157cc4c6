"""Crafted MATLAB files are refused in a sentence, within `damage.SECONDS` and `damage.BYTES`."""

import struct
import zlib

import numpy as np
import pytest

import vgg
from brushwork.network import matlab
from tests.helpers import damage, tiny_networks
from tests.helpers.tiers import spot_checks


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind, dimensions, name, body, size=None):
    """An array; `size`, if given, is declared instead of its real size."""
    flags = element(6, struct.pack("<II", kind, 0))
    data = flags + element(5, struct.pack(f"<{len(dimensions)}i", *dimensions)) + element(1, name) + body
    return struct.pack("<II", 14, len(data) if size is None else size) + data


def matlab_file(*elements):
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x100, b"IM") + b"".join(elements)


def compressed(data, megabytes=0):
    """An element with compressed data, then that many megabytes of zeros; if more than one, the checksum is wrong."""
    packer = zlib.compressobj()
    packed = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    if megabytes:
        packed += (packer.compress(bytes(10**6)) + packer.flush(zlib.Z_FULL_FLUSH)) * megabytes
    packed += packer.flush()
    return struct.pack("<II", 15, len(packed)) + packed


def nested(depth, size=None):
    """Cells within cells."""
    array = matrix(6, (1, 1), b"", element(9, bytes(8)))
    cell, outermost = (matrix(1, (1, 1), name, b"") for name in (b"", b"layers"))
    lengths = [len(array) + len(cell) * level - 8 for level in range(1, depth)]
    lengths.append(len(array) + len(cell) * (depth - 1) + len(outermost) - 8)
    kind, body = cell[:4], cell[8:]
    heads = [kind + struct.pack("<I", length if size is None else size) + body for length in lengths]
    heads[-1] = heads[-1][:8] + outermost[8:]
    return b"".join(reversed(heads)) + array


def lying(hidden):
    """An array whose declared size ends within its data, where other elements begin."""
    data = matrix(9, (1, 1), b"junk", b"")[8:]
    return struct.pack("<II", 14, len(data) + 8) + data + element(2, hidden)


def texts(count):
    """Texts of 530 million characters without data. SciPy fills each with blanks."""
    return matrix(1, (count, 1), b"layers", matrix(4, (530_000_000, 1), b"", element(16, b"")) * count)


def after_the_end(size):
    """A compressed element that ends long before its declared size."""
    packed = zlib.compress(matrix(9, (1, 1), b"x", element(2, bytes(8))))
    return struct.pack("<II", 15, len(packed) + size) + packed + bytes(size)


BOMB = 3_000_000_000
LARGE = matrix(6, (1, BOMB // 8), b"layers", struct.pack("<II", 9, BOMB), size=BOMB)
WRONG_TYPE = struct.pack("<II", 200, 8) + bytes(8)
CRAFTED = {  # what makes the file, and a part of the sentence
    "wrong type": (lambda: matlab_file(matrix(1, (1, 1), b"layers", WRONG_TYPE)), "damaged"),
    "nested": (lambda: matlab_file(nested(200_000)), "damaged: reading it ends in a crash"),
    "texts": (lambda: matlab_file(texts(4)), "damaged: reading it takes too much memory"),
    "bomb": (lambda: matlab_file(compressed(LARGE, 3000)), "damaged"),
    "hidden type": (lambda: matlab_file(lying(matrix(7, (1, 1), b"layers", WRONG_TYPE))), "damaged"),
    "hidden nesting": (lambda: matlab_file(lying(nested(200_000))), "damaged"),
    "after the end": (lambda: matlab_file(after_the_end(10**8)), "it has no variable 'layers'"),
    "nested, announced smaller": (lambda: matlab_file(nested(200_000, size=8)), ""),
    "nested, compressed": (lambda: matlab_file(compressed(nested(200_000))), "damaged"),
    "elements": (lambda: matlab_file(element(1, b"") * 600_000), "damaged"),
    "many bombs": (lambda: matlab_file(*[compressed(element(9, bytes(100_000_000)))] * 9), "damaged"),
    "dimensions": (lambda: matlab_file(matrix(1, (2**30, 8), b"layers", b"")), "damaged"),
    "dimensions below zero": (lambda: matlab_file(matrix(6, (-1, 8), b"layers", b"")), "damaged"),
    "many dimensions": (lambda: matlab_file(matrix(6, (1,) * 40, b"layers", b"")), "damaged"),
    "dimensions of numbers": (lambda: matlab_file(matrix(9, (2**20, 2**10), b"layers", b"")), "damaged"),
    "compressed twice": (lambda: matlab_file(compressed(compressed(nested(9)))), ""),
    "announced size": (
        lambda: matlab_file(matrix(1, (1, 1), b"layers", struct.pack("<4I", 14, 0, 1, 590_000_000))),
        "",
    ),
    "class": (lambda: matlab_file(matrix(77, (1, 1), b"layers", element(9, bytes(8)))), ""),
    "complex": (lambda: matlab_file(matrix(6 + 0x800, (1, 1), b"layers", element(9, bytes(8)))), "damaged"),
    "number made of arrays": (lambda: matlab_file(matrix(6, (1, 1), b"layers", nested(1))), "damaged"),
    "half a tag": (lambda: matlab_file(b"\x0e\0\0"), ""),
    "not compressed": (lambda: matlab_file(struct.pack("<II", 15, 8) + b"no zlib!"), "damaged"),
    "many layers": (lambda: matlab_file(matrix(1, (5000, 1), b"layers", nested(1) * 5000)), ""),
}


@pytest.mark.parametrize("name", spot_checks(CRAFTED, keep=(0, 1, 2)))
def test_crafted_files_are_refused(tmp_path, name):
    make, reason = CRAFTED[name]
    path = tmp_path / "net.mat"
    path.write_bytes(make())
    verdict = damage.verdict_on("network", path)
    assert verdict.startswith(f"refused: cannot read network {path}: ")
    assert reason in verdict


def test_the_names_and_axes_of_arrays(tmp_path):
    kernel, bias = np.arange(54, dtype=np.float32).reshape(3, 3, 3, 2), np.array([5, 6], np.float32)
    network = vgg.Network({"conv1_1": (kernel, bias)}, np.array([1, 2, 3], np.float32))
    tiny_networks.write_matconvnet(tmp_path / "net.mat", network)
    with open(tmp_path / "net.mat", "rb") as file:
        arrays = matlab.read_arrays(file)
    assert arrays.keys() == {"conv1_1.kernel", "conv1_1.bias", "mean_pixel"}
    np.testing.assert_array_equal(arrays["conv1_1.kernel"], kernel)
    assert (arrays["conv1_1.bias"].tolist(), arrays["mean_pixel"].tolist()) == ([5, 6], [1, 2, 3])


@pytest.mark.network
def test_the_real_network_is_read_in_a_child(real_network):
    assert vgg.load(real_network).convolutions["conv5_4"][0].shape == (3, 3, 512, 512)
