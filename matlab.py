"""MATLAB 5 files, looked over before SciPy reads them.

SciPy unpacks whatever a file packs, goes as deep as it is nested, by recursion in C, and looks kinds up in tables
without asking whether they are there: a file of three megabytes can take all memory, and a wrong byte can end the
process. Source: MAT-File Format, The MathWorks, level 5.
"""

import math
import struct
import zlib

INT32, UINT32, MATRIX, COMPRESSED = 5, 6, 14, 15  # kinds of elements
NUMBERS, TEXTS = {*range(1, 8), 9, 12, 13}, {16, 17, 18}
# Class of an array -> the elements that are not arrays at its beginning: dimensions, name, and what else there is.
# 1 cells, 2 structures, 3 objects, 4 texts, 5 sparse, 6 to 15 numbers.
PLAIN = {1: 2, 2: 4, 3: 5, 4: 3, 5: 5} | dict.fromkeys(range(6, 16), 3)
COMPLEX = 0x800  # flag of an array: it has one element more
LARGEST = 600_000_000  # bytes, unpacked; the full VGG-19 has 576 million
MOST_MATRICES, MOST_ELEMENTS = 6_000, 500_000  # the full VGG-19 has some 3000; SciPy goes down into 10 000 unharmed


class MatlabError(Exception):
    """A file that is not to be read; its text is the reason."""


def check(path):
    """Raise MatlabError if reading the file might take all memory, all time, or all of the stack."""
    with open(path, "rb") as file:
        order = "<" if file.read(128)[126:] == b"IM" else ">"
        left = _Allowance(order)
        while tag := file.read(8):
            kind, size = left.element(tag)
            if kind == COMPRESSED:
                _check(_Unpacked(file, size), left)
            else:
                left.enter(file, kind, size)


def _check(stream, left):
    while tag := stream.read(8):
        left.enter(stream, *left.element(tag))


class _Allowance:
    """What a file may still hold."""

    def __init__(self, order):
        self._order, self._bytes, self._matrices, self._elements = order, LARGEST, MOST_MATRICES, MOST_ELEMENTS
        self._plain = 0  # elements to come that must not be arrays

    def element(self, tag):
        """(kind, bytes to come) of the element that a tag begins."""
        if len(tag) < 8:
            raise MatlabError("damaged or truncated")
        kind, size = struct.unpack(self._order + "II", tag)
        short = kind >> 16  # a short one has its bytes, so many, in the tag
        if kind & 0xFFFF not in NUMBERS | TEXTS | (set() if self._plain else {MATRIX, COMPRESSED}) or short > 4:
            raise MatlabError("damaged or truncated")
        self._plain -= self._plain > 0
        self._take(8)
        self._elements -= 1
        if self._elements < 0:
            raise MatlabError(f"not a network: it has more than {MOST_ELEMENTS} elements")
        return (kind & 0xFFFF, 0) if short else (kind, size)

    def enter(self, stream, kind, size):
        """Go over the bytes of an element, or into it if there are others inside."""
        if kind != MATRIX:
            self._take(size + -size % 8)
            _skip(stream, size + -size % 8)
        elif size:
            self._matrices -= 1
            if self._matrices < 0:
                raise MatlabError(f"not a network: it has more than {MOST_MATRICES} arrays")
            self._take(16)
            # SciPy does not look at this tag, so it must not tell another story.
            *tag, flags, _ = struct.unpack(self._order + "IIII", stream.read(16).ljust(16))
            if tag != [UINT32, 8] or flags & 0xFF not in PLAIN or flags & COMPLEX:
                raise MatlabError("damaged or truncated")
            self._plain = PLAIN[flags & 0xFF]
            self._check_dimensions(stream, MOST_MATRICES if flags & 0xFF in (1, 2, 3) else LARGEST)

    def _check_dimensions(self, stream, most):
        """The next element has the dimensions of an array of at most so many items: SciPy makes room for all."""
        kind, size = self.element(stream.read(8))
        data = stream.read(size + -size % 8)[:size] if size <= 128 else b""
        if kind != INT32 or size % 4 or not data or len(data) < size:
            raise MatlabError("damaged or truncated")
        dimensions = struct.unpack(f"{self._order}{size // 4}i", data)
        if min(dimensions) < 0 or math.prod(dimensions) > most:
            raise MatlabError(f"not a network: it has an array of {'x'.join(map(str, dimensions))}")

    def _take(self, count):
        self._bytes -= count
        if self._bytes < 0:
            raise MatlabError(f"it holds more than {LARGEST / 1e6:.0f} MB; a network in single precision has less")


def _skip(stream, count):
    while count > 0:
        part = len(stream.read(min(count, 1 << 20)))
        if not part and count < 8:
            return  # the padding of the last element
        if not part:  # SciPy would first find memory for all that is promised
            raise MatlabError("damaged or truncated")
        count -= part


class _Unpacked:
    """What the next `size` bytes of a file unpack to, as a stream."""

    def __init__(self, file, size):
        self._file, self._left, self._unpack, self._ready = file, size, zlib.decompressobj(), b""

    def read(self, count):
        while len(self._ready) < count:
            packed = self._unpack.unconsumed_tail or self._file.read(min(self._left, 1 << 16))
            if not self._unpack.unconsumed_tail:
                self._left -= len(packed)
            part = self._unpack.decompress(packed, 1 << 20)
            if not part and not self._unpack.unconsumed_tail and not (self._left and packed):
                break
            self._ready += part
        result, self._ready = self._ready[:count], self._ready[count:]
        return result
