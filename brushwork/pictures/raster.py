"""Rasters: what a decoder of a picture format returns, from which strips of the picture can be taken one by one."""

import io
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from brushwork.errors import PictureError
from brushwork.pictures.exif import Photograph

MAX_PIXELS = 178_956_970  # Pillow's limit: a small file could unpack to more than the memory holds
PARSING_SECONDS = 5  # of the processor, for a picture of any size
SECONDS_PER_PIXEL = 1.4e-7  # more for its pixels: several times what any decoder needs
SCANNED_PIXELS = 2e10  # by all scans of a JPEG: some seconds
STRIP_PIXELS = 1 << 19  # of a strip
STRIP_ROWS = 4096

Strip = tuple[np.ndarray, np.ndarray | None]  # image, float32 [rows, W, 3], and opacity [rows, W]: see read.Picture


class Raster(NamedTuple):
    """A picture whose header was read, and whose pixels are decoded as the strips are taken."""

    kind: str  # the name of its format
    size: tuple[int, int]  # (height, width) of the strips, px
    full_size: tuple[int, int]  # as stored: larger if the picture is reduced while it is decoded
    strips: Callable[[], Iterator[Strip]]  # from top to bottom; opacity is None for all of them or for none
    orientation: int = 1  # of EXIF
    space: str | None = None  # the name of the colour space that the strips were converted from; None: sRGB
    frames: int = 1
    photograph: Callable[[], Photograph | None] = lambda: None  # reads the metadata of the photograph
    remarks: Sequence[str] = ()  # what was unusual so far, as ends of a sentence that begins with the file's name


class TimedFile(io.BufferedReader):
    """A file that cannot be read any more when a decoder has taken too much of the processor's time.

    Decoders ask for data again and again, so that one that goes round in circles, or over a picture many times, ends.
    """

    seconds = PARSING_SECONDS
    block = -1  # bytes that a read returns at most; -1: as many as are asked for

    def __init__(self, file: BinaryIO):
        super().__init__(file.raw)
        self._file = file  # which closes what it has opened
        self._start = time.thread_time()

    def allow(self, pixels: int) -> None:
        """Allow the time that a picture of this many pixels may take."""
        self.seconds = PARSING_SECONDS + SECONDS_PER_PIXEL * pixels

    def check(self) -> None:
        """Raise PictureError if the time is over."""
        if time.thread_time() - self._start > self.seconds:
            raise PictureError(f"decoding it takes more than {self.seconds:.0f} seconds; save it again, as PNG or JPEG")

    def read(self, size: int | None = -1) -> bytes:
        """Read as any file does. Raises PictureError if the time is over."""
        self.check()
        return super().read(size if self.block < 0 or 0 <= size < self.block else self.block)

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line as any file does. Raises PictureError if the time is over."""
        self.check()
        return super().readline(size)


def check_scans(scans: int, pixels: int) -> None:
    """Raise PictureError if a JPEG goes over its pixels too often: libjpeg cannot be stopped."""
    if scans * pixels > SCANNED_PIXELS:
        raise PictureError(f"it has {scans} scans, which would take minutes; save it again, as PNG or JPEG")


def strip_rows(width: int) -> int:
    """The number of rows of a strip of a picture."""
    return max(1, min(STRIP_ROWS, STRIP_PIXELS // width))


def blend(image: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Lay an image [h, W, 3], 0..255, over white. opacity: [h, W], 0..1. Returns float32."""
    return 255 + (image - 255) * opacity[:, :, np.newaxis]


def inflated(file: TimedFile, places: Sequence[tuple[int, int]], kind: str, lengths: Iterable[int]) -> Iterator[bytes]:
    """Yield blocks of the given lengths of what a zlib stream holds, reading no more of it than they need.

    places: (offset, length) of its parts in the file. Raises PictureError if there is too little; kind: the format.
    """
    inflate, held, left, places = zlib.decompressobj(), b"", 0, iter(places)
    for length in lengths:
        block = bytearray()
        while len(block) < length:
            while not held and not left:
                offset, left = next(places, (0, -1))
            if not held:
                file.seek(offset)
                held = file.read(min(left, 1 << 16)) if left > 0 else b""
                offset, left = offset + len(held), left - len(held)
            if not held or inflate.eof:
                raise PictureError(f"truncated {kind}")
            block += inflate.decompress(held, length - len(block))
            held = inflate.unconsumed_tail
        yield bytes(block)


def pad(strips: Iterator[Strip], box: tuple[int, int, int, int], size: tuple[int, int]) -> Iterator[Strip]:
    """Lay the strips of a frame that covers a part of a picture into it. The rest, and what is beyond, is transparent.

    box: (left, top, width, height) of the frame. size: (height, width) of the picture.
    """
    left, top, width, _ = box
    height, across = size
    seen = max(0, min(width, across - left))
    done = min(top, height)
    yield from _blank(done, across)
    for image, opacity in strips:
        rows = min(len(image), height - done)
        if rows <= 0:
            break
        canvas, alpha = next(_blank(rows, across, rows))
        canvas[:, left : left + seen] = image[:rows, :seen]
        alpha[:, left : left + seen] = 1 if opacity is None else opacity[:rows, :seen]
        yield canvas, alpha
        done += rows
    yield from _blank(height - done, across)


def _blank(height, width, rows=None):
    for top in range(0, height, rows := rows or strip_rows(width)):
        count = min(rows, height - top)
        yield np.full((count, width, 3), 255, np.float32), np.zeros((count, width), np.float32)
