"""Damages files at random, and reads each in a process of its own, so that whatever happens can be told."""

import io
import os
import resource
import signal
from pathlib import Path

import numpy as np
from PIL import Image

import vgg
from brushwork import state
from brushwork.errors import UserError
from brushwork.pictures import read
from tests.helpers import tiny_networks

READERS = {"picture": read.image, "network": vgg.load, "state": state.read}
SECONDS, BYTES = 5, 1_000_000_000  # of the processor and of memory: what reading a file may take
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def seeds(directory):
    """(reader, name, bytes) of one sound file of every kind."""
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
    at = state.State(scale=0, index=1, image=image, kept=image + 1, lowest=1.0, optimizer={"first_moment": image})
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
            continue  # not supported by this Pillow
        yield kind, file.getvalue()
    floats = np.random.default_rng(1).random((18, 24, 3), np.float32)
    yield "pfm", b"PF\n24 18\n-1\n" + floats.tobytes()
    yield "pam", b"P7\nWIDTH 24\nHEIGHT 18\nDEPTH 3\nMAXVAL 255\nENDHDR\n" + pixels.tobytes()
    light = np.concatenate([pixels, np.full((18, 24, 1), 128, np.uint8)], axis=2)
    yield "hdr", b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 18 +X 24\n" + light.tobytes()
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        file = io.BytesIO()
        picture.save(file, "TIFF", compression=compression)
        yield "tif", file.getvalue()
    group4 = {"compression": "group4"}
    for mode, kind, options in (("L", "PNG", {}), ("P", "PNG", {}), ("LA", "PNG", {}), ("1", "TIFF", group4)):
        file = io.BytesIO()
        picture.convert(mode).save(file, kind, **options)
        yield kind.lower(), file.getvalue()


def damaged(random, data, other):
    """The bytes with one to three random changes, some of them copies from the file `other`."""
    data = bytearray(data)
    for _ in range(random.integers(1, 4)):
        place, length = (int(random.integers(0, len(data) + 1)) for _ in range(2))
        # Headers are at the front: half of all changes are made there.
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
    """Read a file in a process of its own: "read", "refused: SENTENCE", or what else happened."""
    sentences, sentence = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(20 * SECONDS)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            READERS[reader](path)
            os._exit(0)
        except UserError as error:
            os.write(sentence, str(error).encode()[:4096])
            os._exit(1)
        except BaseException:
            os._exit(2)
    os.close(sentence)
    _, status, usage = os.wait4(pid, 0)
    with open(sentences, "rb") as file:
        refusal = f"refused: {file.read().decode()}"
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, 1):
        return f"another exception, {code}" if code > 0 else f"killed by signal {-code}"
    if usage.ru_utime + usage.ru_stime > SECONDS:  # of the processor: other work may go on beside
        return f"more than {SECONDS} seconds"
    if usage.ru_maxrss * 1024 > BYTES + resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024:
        return f"{usage.ru_maxrss / 1e6:.1f} GB"
    return refusal if code else "read"
