"""Checks MATLAB 5 files (The MathWorks: MAT-File Format, level 5) before SciPy reads them.

SciPy trusts the file. It decompresses everything, recurses in C as deep as arrays are nested, allocates the dimensions
that an array declares, and does not check type codes. 3 MB can use up the memory; a wrong byte can crash the process.
"""

import math
import os
import struct
import zlib

from brushwork.errors import NetworkError

INT32, UINT32, MATRIX, COMPRESSED = 5, 6, 14, 15  # type codes of elements
NUMBERS, TEXTS = {*range(1, 8), 9, 12, 13}, {16, 17, 18}
# Class of an array -> number of its first elements that must not be arrays: dimensions, name and others.
# Classes: 1 cell, 2 structure, 3 object, 4 text, 5 sparse, 6 to 15 numeric.
PLAIN = {1: 2, 2: 4, 3: 5, 4: 3, 5: 5} | dict.fromkeys(range(6, 16), 3)
COMPLEX = 0x800  # flag of an array with imaginary parts, which are one more element
MAX_BYTES = 600_000_000  # decompressed; the full VGG-19 has 576 million
MAX_ARRAYS, MAX_ELEMENTS = 6_000, 500_000  # the full VGG-19 has about 3000 arrays; SciPy survives 10 000 nested ones


def check(path: str | os.PathLike) -> None:
    """Raise NetworkError if a file is damaged, or if reading it could exhaust memory, time or the stack."""
    with open(path, "rb") as file:
        order = "<" if file.read(128)[126:] == b"IM" else ">"
        budget = _Budget(order)
        while tag := file.read(8):
            kind, size = budget.element(tag)
            if kind == COMPRESSED:
                stream = _Decompressed(file, size)
                while tag := stream.read(8):
                    budget.enter(stream, *budget.element(tag))
            else:
                budget.enter(file, kind, size)


class _Budget:
    """The bytes, arrays and elements that the rest of the file may have."""

    def __init__(self, order):
        self._order, self._bytes, self._arrays, self._elements = order, MAX_BYTES, MAX_ARRAYS, MAX_ELEMENTS
        self._plain = 0  # number of next elements that must not be arrays

    def element(self, tag):
        """Return the type and the size in bytes of the element that begins with a tag of 8 bytes."""
        if len(tag) < 8:
            raise NetworkError("damaged or truncated")
        kind, size = struct.unpack(self._order + "II", tag)
        short = kind >> 16  # bytes of a short element, whose data is in its tag; 0 for others
        if kind & 0xFFFF not in NUMBERS | TEXTS | (set() if self._plain else {MATRIX, COMPRESSED}) or short > 4:
            raise NetworkError("damaged or truncated")
        self._take(8)
        self._plain, self._elements = max(self._plain - 1, 0), self._elements - 1
        if self._elements < 0:
            raise NetworkError(f"not a network: it has more than {MAX_ELEMENTS} elements")
        return (kind & 0xFFFF, 0) if short else (kind, size)

    def enter(self, stream, kind, size):
        """Skip the data of an element. Of an array, read the header only: its elements come next."""
        if kind != MATRIX:
            self._take(size + -size % 8)
            _skip(stream, size + -size % 8)
        elif size:
            self._arrays -= 1
            if self._arrays < 0:
                raise NetworkError(f"not a network: it has more than {MAX_ARRAYS} arrays")
            self._take(16)
            # SciPy assumes the usual tag here. With another one, it would read other data than is checked here.
            *tag, flags, _ = struct.unpack(self._order + "IIII", stream.read(16).ljust(16))
            if tag != [UINT32, 8] or flags & 0xFF not in PLAIN or flags & COMPLEX:
                raise NetworkError("damaged or truncated")
            self._plain = PLAIN[flags & 0xFF]
            self._check_dimensions(stream, MAX_ARRAYS if flags & 0xFF in (1, 2, 3) else MAX_BYTES)

    def _check_dimensions(self, stream, most):
        """Check that the next element has the dimensions of at most `most` items, for which SciPy allocates memory."""
        kind, size = self.element(stream.read(8))
        data = stream.read(size + -size % 8)[:size] if size <= 128 else b""
        if kind != INT32 or size % 4 or not data or len(data) < size:
            raise NetworkError("damaged or truncated")
        dimensions = struct.unpack(f"{self._order}{size // 4}i", data)
        if min(dimensions) < 0 or math.prod(dimensions) > most:
            raise NetworkError(f"not a network: it has an array of {'x'.join(map(str, dimensions))}")

    def _take(self, count):
        self._bytes -= count
        if self._bytes < 0:
            raise NetworkError(f"it holds more than {MAX_BYTES / 1e6:.0f} MB; a network in single precision has less")


def _skip(stream, count):
    """Read and discard `count` bytes. Raise NetworkError if the stream ends more than 7 bytes early."""
    while part := len(stream.read(min(count, 1 << 20))):
        count -= part
    if count >= 8:  # the last element of a file may lack its padding; SciPy would allocate the size that it declares
        raise NetworkError("damaged or truncated")


class _Decompressed:
    """A readable stream: the next `size` bytes of a file, decompressed."""

    def __init__(self, file, size):
        self._file, self._end, self._zlib, self._ready = file, file.tell() + size, zlib.decompressobj(), b""

    def read(self, count):
        while len(self._ready) < count:
            packed = self._zlib.unconsumed_tail or self._file.read(min(self._end - self._file.tell(), 1 << 16))
            part = self._zlib.decompress(packed, 1 << 20)
            if not packed and not part:
                break
            self._ready += part
        result, self._ready = self._ready[:count], self._ready[count:]
        return result
