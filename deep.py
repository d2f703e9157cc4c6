"""Pictures of 16 bits a channel, which Pillow does not write: PNG here, TIFF by tifffile."""

import importlib.util
import json
import struct
import zlib

import numpy as np

import metadata


def png(file, array, told):
    """Write uint16 [H, W, 3 or 4] as PNG (ISO 15948), each row as its difference from the one above."""
    height, width, channels = array.shape
    rows = array.astype(">u2").view(np.uint8).reshape(height, -1)
    above = np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    filtered = np.hstack([np.full((height, 1), 2, np.uint8), rows - above])
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"sRGB", b"\0"))
    if told:
        file.write(_chunk(b"tEXt", b"Software\0" + metadata.SOFTWARE.encode()))
        file.write(_chunk(b"tEXt", metadata.KEY.encode() + b"\0" + json.dumps(told).encode()))
    file.write(_chunk(b"IDAT", zlib.compress(filtered.tobytes(), 6)) + _chunk(b"IEND", b""))


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def tiff(file, array, told):
    """Write uint16 [H, W, 3 or 4] as TIFF."""
    import tifffile

    about = {"description": json.dumps(told), "software": metadata.SOFTWARE} if told else {}
    extra = {"extrasamples": ["unassalpha"]} if array.shape[2] == 4 else {}
    tifffile.imwrite(file, array, photometric="rgb", metadata=None, **about, **extra)


def has_tifffile():
    return importlib.util.find_spec("tifffile") is not None


ENCODERS = {"PNG": png, "TIFF": tiff}
