"""Files that are damaged or crafted: one sentence, a status of the table, and neither time nor memory."""

import re
import struct
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import fuzz
import images
import matlab
import tiny_networks
import weights

SECONDS = 5
NOWHERE = ("--output", "missing/out.png")  # no run begins: every mistake is told before


def given(reader, path):
    """The flags that have a reader read a file."""
    return {
        "picture": ("--content", path, "--network", "net.mat"),
        "network": ("--content", "content.png", "--network", path),
        "state": ("--resume", path),
    }[reader]


def test_two_hundred_mangled_files_through_the_command(command, tmp_path, record_property):
    random, seeds = np.random.default_rng(11), fuzz.seeds(tmp_path)
    slowest, statuses = 0.0, []
    for number in range(260):
        reader, name, data = seeds[number % len(seeds)]
        Path(name).write_bytes(fuzz.mangled(random, data, seeds[random.integers(len(seeds))][2]))
        start = time.monotonic()
        status, out, err = command(*given(reader, name), "--styles", "style.png", *NOWHERE, defaults=False)
        slowest = max(slowest, time.monotonic() - start)
        statuses.append(status)
        lines = err.splitlines()
        assert out == "", (number, name)
        assert lines, (number, name)
        assert all(re.match(r"neural_style: error: .", line) for line in lines), (number, name, err)
    assert set(statuses) <= {1, 2}
    assert slowest < SECONDS


def test_every_reader_in_a_process_of_its_own(tmp_path):
    random, seeds = np.random.default_rng(12), fuzz.seeds(tmp_path)
    path = tmp_path / "mangled"
    for reader, name, data in seeds:
        path.write_bytes(data)
        assert fuzz.verdict_on(reader, path) == "read", name
        path.write_bytes(fuzz.mangled(random, data, data))
        assert fuzz.verdict_on(reader, path) in ("read", "refused"), name


def element(kind, data):
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind, dimensions, name, body, size=None):
    """A MATLAB array; of a wrong size, if there is one."""
    flags = element(6, struct.pack("<II", kind, 0))
    data = flags + element(5, struct.pack(f"<{len(dimensions)}i", *dimensions)) + element(1, name) + body
    return struct.pack("<II", 14, len(data) if size is None else size) + data


def matlab_file(*elements):
    return b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H2s", 0x100, b"IM") + b"".join(elements)


def compressed(data, repeated=b"", times=0):
    packer = zlib.compressobj(9)
    packed = packer.compress(data) + b"".join(packer.compress(repeated) for _ in range(times)) + packer.flush()
    return struct.pack("<II", 15, len(packed)) + packed


def nested(depth, size=None):
    """Cells within cells."""
    array = matrix(6, (1, 1), b"", element(9, bytes(8)))
    heads = []
    length = len(array)
    for level in range(depth):
        head = matrix(1, (1, 1), b"layers" if level == depth - 1 else b"", b"")
        length += len(head) - 8
        heads.append(head[:4] + struct.pack("<I", length if size is None else size) + head[8:])
        length += 8
    return b"".join(reversed(heads)) + array


def hidden_by_its_flags(depth):
    """Nested, with a first tag that says all of it belongs to the flags: SciPy does not look at it."""
    data = bytearray(nested(depth))
    data[8:16] = struct.pack("<II", 6, len(data))
    return bytes(data)


BOMB = 3_000_000_000
LARGE = matrix(6, (1, BOMB // 8), b"layers", struct.pack("<II", 9, BOMB), size=BOMB)
CRAFTED = {
    "nested": (matlab_file(nested(200_000)), "more than 6000 arrays"),
    "nested, of no size": (matlab_file(nested(200_000, size=8)), "more than 6000 arrays"),
    "nested, hidden": (matlab_file(hidden_by_its_flags(200_000)), "damaged or truncated"),
    "nested, packed": (matlab_file(compressed(nested(200_000))), "more than 6000 arrays"),
    "elements": (matlab_file(element(1, b"") * 600_000), "more than 500000 elements"),
    "bomb": (matlab_file(compressed(LARGE, bytes(10_000_000), 300)), "more than 600 MB"),
    "many bombs": (matlab_file(*[compressed(b"", element(9, bytes(50_000_000)), 2)] * 9), "more than 600 MB"),
    "dimensions": (matlab_file(matrix(1, (2**30, 8), b"layers", b"")), "an array of 1073741824x8"),
    "dimensions below zero": (matlab_file(matrix(6, (-1, 8), b"layers", b"")), "an array of -1x8"),
    "dimensions without end": (matlab_file(matrix(6, (1,) * 40, b"layers", b"")), "damaged"),
    "dimensions of numbers": (matlab_file(matrix(9, (2**20, 2**10), b"layers", b"")), "an array of 1048576x1024"),
    "packed twice": (matlab_file(compressed(compressed(nested(9)))), ""),
    "promises": (
        matlab_file(matrix(1, (1, 1), b"layers", struct.pack("<II", 14, 0) + struct.pack("<II", 1, 590_000_000))),
        "damaged",
    ),
    "kind": (matlab_file(matrix(1, (1, 1), b"layers", struct.pack("<II", 200, 8) + bytes(8))), "damaged"),
    "class": (matlab_file(matrix(77, (1, 1), b"layers", element(9, bytes(8)))), "damaged"),
    "complex": (matlab_file(matrix(6 + 0x800, (1, 1), b"layers", element(9, bytes(8)))), "damaged"),
    "number of arrays": (matlab_file(matrix(6, (1, 1), b"layers", nested(1))), "damaged"),
    "half a tag": (matlab_file(b"\x0e\0\0"), "damaged or truncated"),
    "not packed": (matlab_file(struct.pack("<II", 15, 8) + b"no zlib!"), "damaged or truncated"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_matlab_files(tmp_path, name):
    data, message = CRAFTED[name]
    path = tmp_path / "net.mat"
    path.write_bytes(data)
    assert fuzz.verdict_on("network", path) == "refused"
    if message:
        with pytest.raises(weights.NetworkError, match=message):
            weights.load(path)


def test_what_is_packed_is_looked_into_and_no_more(tmp_path, tiny):
    path = tmp_path / "net.mat"
    plain, packed = matlab_file(nested(9)), matlab_file(compressed(nested(9)), compressed(nested(3)))
    big_endian = plain[:124] + struct.pack(">H2s", 0x100, b"MI") + struct.pack(">II", 6, 8) + bytes(8)
    for data in (plain, packed, big_endian):
        path.write_bytes(data)
        matlab.check(path)
    tiny_networks.write_matconvnet(path, tiny)
    matlab.check(path)


def crafted_hdf5(path, name):
    with h5py.File(path, "w") as file:
        if name == "deep":
            group = file
            for _ in range(50_000):
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
    ("name", "message"),
    [
        ("deep", "not a network: it has more than"),
        ("wide", "not a network: it has more than 5000 items"),
        ("large", "impossible shape"),
        ("loop", "too deep"),
        ("texts", "it holds no layer"),
        ("elsewhere", "it holds no layer"),
    ],
)
def test_crafted_hdf5_files(tmp_path, name, message):
    path = tmp_path / "net.h5"
    crafted_hdf5(path, name)
    assert fuzz.verdict_on("network", path) == "refused"
    with pytest.raises(weights.NetworkError, match=message):
        weights.load(path)


def test_a_tiff_that_has_pixels_for_a_part_only(tmp_path):
    path = tmp_path / "large.tiff"
    Image.new("RGB", (24, 18)).save(path)
    data = bytearray(path.read_bytes())
    place = int.from_bytes(data[4:8], "little") + 2
    while data[place : place + 2] != struct.pack("<H", 257):  # the tag ImageLength
        place += 12
    data[place : place + 12] = struct.pack("<HHII", 257, 4, 1, 2_900_000)
    path.write_bytes(data)
    with pytest.raises(images.PictureError, match="truncated TIFF"):
        images.read(path)
    assert fuzz.verdict_on("picture", path) == "refused"


def test_a_picture_larger_than_any_is_refused(tmp_path):
    path = tmp_path / "large.png"
    Image.new("1", (20_000, 20_000)).save(path)
    assert path.stat().st_size < 100_000
    assert fuzz.verdict_on("picture", path) == "refused"
