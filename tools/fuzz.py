"""Feeds mangled files to the readers of pictures, networks and states.

    python tools/fuzz.py [--seconds 600] [--seed N] [--keep DIRECTORY]

Each file is read in a process of its own, which must end in the reader's own error or none, within 5 seconds and 1 GB.
What does not is kept in the directory, to become a test. Prints how many files were read and how many refused.
"""

import argparse
import io
import os
import resource
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "tests"))

import numpy as np
from PIL import Image

import images
import state
import tiny_networks
import weights

READERS = {"picture": (images.read, images.PictureError), "network": (weights.load, weights.NetworkError)}
READERS["state"] = state.read, state.StateError
SECONDS, BYTES = 5, 1_000_000_000
GROUP4 = {"compression": "group4"}
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", default="found", help="directory for what is found")
    options = parser.parse_args(arguments)
    random, count, found = np.random.default_rng(options.seed), Counter(), 0
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        all_seeds = seeds(directory)
        path, end = os.path.join(directory, "mangled"), time.monotonic() + options.seconds
        while time.monotonic() < end:
            reader, name, data = all_seeds[random.integers(len(all_seeds))]
            data = mangled(random, data, all_seeds[random.integers(len(all_seeds))][2])
            Path(path).write_bytes(data)
            verdict = verdict_on(reader, path)
            count[f"{reader}: {verdict}"] += 1
            if verdict not in ("read", "refused"):
                found += 1
                os.makedirs(options.keep, exist_ok=True)
                Path(options.keep, f"{found:03}-{name}").write_bytes(data)
                print(f"{name}: {verdict}", flush=True)
    for what, number in sorted(count.items()):
        print(f"{number:7} {what}")
    return 1 if found else 0


def seeds(directory):
    """(reader, name, bytes) of one file of every kind."""
    result = [("picture", f"picture.{kind}", data) for kind, data in pictures()]
    network = tiny_networks.tiny_network()
    for layout in ("today", "older", "oldest"):
        path = os.path.join(directory, f"{layout}.mat")
        tiny_networks.write_matconvnet(path, network, layout=layout)
        result.append(("network", f"{layout}.mat", Path(path).read_bytes()))
    for nested in (False, True):
        path = os.path.join(directory, "keras.h5")
        tiny_networks.write_keras(path, network, nested=nested)
        result.append(("network", "keras.h5", Path(path).read_bytes()))
    image = np.zeros((8, 8, 3), np.float32)
    at = state.State(0, 1, image, image + 1, 1.0, 0, {"first_moment": image})
    path = os.path.join(directory, "run.state")
    state.write(path, state.Saved(at, {}, {}, []))
    result.append(("state", "run.state", Path(path).read_bytes()))
    return result


def pictures():
    """(extension, bytes) of a small picture in every format that can be written."""
    pixels = np.random.default_rng(0).integers(0, 256, (18, 24, 3)).astype(np.uint8)
    picture = Image.fromarray(pixels)
    kinds = "png jpg gif tiff webp bmp ppm jp2 tga ico icns sgi dds avif qoi".split()
    Image.init()
    for kind in kinds:
        file = io.BytesIO()
        try:
            picture.save(file, format=Image.EXTENSION.get(f".{kind}", kind))
        except (OSError, KeyError, ValueError):
            continue  # not in this Pillow
        yield kind, file.getvalue()
    for mode, kind, options in (("L", "PNG", {}), ("P", "PNG", {}), ("LA", "PNG", {}), ("1", "TIFF", GROUP4)):
        file = io.BytesIO()
        picture.convert(mode).save(file, kind, **options)
        yield kind.lower(), file.getvalue()


def mangled(random, data, other):
    """Bytes with some damage, now and then from another file."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        place, length = (int(random.integers(0, len(data) + 1)) for _ in range(2))
        # Headers are at the front: half of all damage is done there.
        place = place % min(len(data) + 1, 256) if random.integers(2) else place
        width = int(random.choice([1, 2, 4, 8]))
        number = int(random.choice(NUMBERS)) % (1 << 8 * width)
        change = random.integers(7)
        if change == 0:
            del data[length:]
        elif change == 1:
            data[place : place + width] = number.to_bytes(width, "little")
        elif change == 2:
            data[place : place + width] = number.to_bytes(width, "big")
        elif change == 3:
            data[place : place + 1] = bytes([int(random.integers(256))])
        elif change == 4:
            del data[place : place + length // 4]
        elif change == 5:
            data[place:place] = data[length : length + 64]
        else:
            data[place : place + 64] = other[length : length + 64]
    return bytes(data)


def verdict_on(reader, path):
    """What became of reading a file: "read", "refused", or what is wrong."""
    read, refusal = READERS[reader]
    pid = os.fork()
    if not pid:
        signal.alarm(2 * SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            read(path)
            os._exit(0)
        except refusal:
            os._exit(1)
        except BaseException:
            os._exit(2)
    start = time.monotonic()
    _, status, usage = os.wait4(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        return f"another exception, {code}" if code > 0 else f"killed by signal {-code}"
    if time.monotonic() - start > SECONDS:
        return f"more than {SECONDS} seconds"
    if usage.ru_maxrss * 1024 > BYTES + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024:
        return f"{usage.ru_maxrss / 1e6:.1f} GB"
    return "refused" if code else "read"


if __name__ == "__main__":
    sys.exit(main())
