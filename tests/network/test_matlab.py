"""Crafted MATLAB files are refused in a sentence, within `damage.SECONDS` and `damage.BYTES`."""

import struct
import zlib

import pytest

from brushwork.errors import NetworkError
from brushwork.network import matlab
from tests.helpers import damage


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


def hidden_by_its_flags(depth):
    """Nested cells that are part of the flags according to the first tag, which SciPy ignores."""
    data = bytearray(nested(depth))
    data[8:16] = struct.pack("<II", 6, len(data))
    return bytes(data)


BOMB = 3_000_000_000
LARGE = matrix(6, (1, BOMB // 8), b"layers", struct.pack("<II", 9, BOMB), size=BOMB)
CRAFTED = {  # what makes the file, and a part of the sentence
    "nested": (lambda: matlab_file(nested(200_000)), "more than 6000 arrays"),
    "nested, announced smaller": (lambda: matlab_file(nested(200_000, size=8)), "more than 6000 arrays"),
    "nested, hidden": (lambda: matlab_file(hidden_by_its_flags(200_000)), "damaged or truncated"),
    "nested, compressed": (lambda: matlab_file(compressed(nested(200_000))), "more than 6000 arrays"),
    "elements": (lambda: matlab_file(element(1, b"") * 600_000), "more than 500000 elements"),
    "bomb": (lambda: matlab_file(compressed(LARGE, 3000)), "more than 600 MB"),
    "many bombs": (lambda: matlab_file(*[compressed(element(9, bytes(100_000_000)))] * 9), "more than 600 MB"),
    "dimensions": (lambda: matlab_file(matrix(1, (2**30, 8), b"layers", b"")), "an array of 1073741824x8"),
    "dimensions below zero": (lambda: matlab_file(matrix(6, (-1, 8), b"layers", b"")), "an array of -1x8"),
    "many dimensions": (lambda: matlab_file(matrix(6, (1,) * 40, b"layers", b"")), "damaged"),
    "dimensions of numbers": (lambda: matlab_file(matrix(9, (2**20, 2**10), b"layers", b"")), "array of 1048576x1024"),
    "compressed twice": (lambda: matlab_file(compressed(compressed(nested(9)))), ""),
    "announced size": (
        lambda: matlab_file(matrix(1, (1, 1), b"layers", struct.pack("<4I", 14, 0, 1, 590_000_000))),
        "damaged",
    ),
    "type": (lambda: matlab_file(matrix(1, (1, 1), b"layers", struct.pack("<II", 200, 8) + bytes(8))), "damaged"),
    "class": (lambda: matlab_file(matrix(77, (1, 1), b"layers", element(9, bytes(8)))), "damaged"),
    "complex": (lambda: matlab_file(matrix(6 + 0x800, (1, 1), b"layers", element(9, bytes(8)))), "damaged"),
    "number made of arrays": (lambda: matlab_file(matrix(6, (1, 1), b"layers", nested(1))), "damaged"),
    "half a tag": (lambda: matlab_file(b"\x0e\0\0"), "damaged or truncated"),
    "not compressed": (lambda: matlab_file(struct.pack("<II", 15, 8) + b"no zlib!"), "damaged or truncated"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_files_are_refused(tmp_path, name):
    make, reason = CRAFTED[name]
    path = tmp_path / "net.mat"
    path.write_bytes(make())
    verdict = damage.verdict_on("network", path)
    assert verdict.startswith(f"refused: cannot read network {path}: ")
    assert reason in verdict


@pytest.mark.parametrize("name", [name for name, (_, reason) in CRAFTED.items() if reason == "damaged"])
def test_damage_is_found_before_scipy_reads_the_file(tmp_path, name):
    (tmp_path / "net.mat").write_bytes(CRAFTED[name][0]())
    with pytest.raises(NetworkError, match="damaged"):
        matlab.check(tmp_path / "net.mat")


def test_sound_files_pass(tmp_path, tiny_file):
    path = tmp_path / "net.mat"
    plain, packed = matlab_file(nested(9)), matlab_file(compressed(nested(9)), compressed(nested(3)))
    big_endian = plain[:124] + struct.pack(">H2s", 0x100, b"MI") + struct.pack(">II", 6, 8) + bytes(8)
    for data in (plain, packed, big_endian):
        path.write_bytes(data)
        matlab.check(path)
    matlab.check(tiny_file)


@pytest.mark.network
def test_the_real_network_passes(real_network):
    matlab.check(real_network)
