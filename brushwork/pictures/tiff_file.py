"""TIFF files: the directories in them, with the tags of each picture (TIFF 6.0; BigTIFF)."""

import struct
from typing import Any, BinaryIO, NamedTuple

from brushwork.errors import PictureError

MOST_PAGES = 10_000  # that are counted
_MOST_VALUES = 20_000_000  # bytes of a tag
_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 5: "I", 6: "b", 7: "s", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d"}
_CODES |= {13: "I", 16: "Q", 17: "q", 18: "Q"}
SIGNATURES = b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"

# Tags that are read
SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 256, 257, 258, 259, 262, 266
STRIP_OFFSETS, ORIENTATION, SAMPLES, STRIP_ROWS, STRIP_COUNTS, PLANAR = 273, 274, 277, 278, 279, 284
TRANSFER, PREDICTOR, WHITE_POINT, PRIMARIES, COLOR_MAP = 301, 317, 318, 319, 320
SUBSAMPLING, BLACK_WHITE = 530, 532
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, INK_SET = 322, 323, 324, 325, 332
EXTRA_SAMPLES, SAMPLE_FORMAT, XMP, ICC, DNG_VERSION = 338, 339, 700, 34675, 50706
_WANTED = {SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES}
_WANTED |= {STRIP_ROWS, STRIP_COUNTS, PLANAR, TRANSFER, PREDICTOR, WHITE_POINT, PRIMARIES, COLOR_MAP, TILE_WIDTH}
_WANTED |= {TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, XMP, ICC, DNG_VERSION}
_WANTED |= {292, 293, 347, 529, 530, 531, 532}  # of fax and JPEG


class Page(NamedTuple):
    """A directory of a TIFF file."""

    order: str  # "<" or ">"
    tags: dict[int, Any]  # number -> tuple of numbers, or bytes
    offset: int  # of the directory

    def get(self, tag: int, default: Any = None) -> Any:
        """The first value of a tag."""
        value = self.tags.get(tag)
        return default if not value else value[0] if isinstance(value, tuple) else value

    @property
    def is_reduced(self) -> bool:
        """Whether it is a reduced version of another picture of the file, or a mask."""
        return bool(int(self.get(SUBFILE, 0)) & 5)


def read_page(file: BinaryIO) -> tuple[Page, int]:
    """(the first directory that is no thumbnail, how many there are). Raises PictureError or struct.error."""
    order = {b"I": "<", b"M": ">"}[file.read(1)]
    file.seek(2)
    is_big = struct.unpack(f"{order}H", file.read(2))[0] == 43
    file.seek(8 if is_big else 4)
    word = "Q" if is_big else "I"
    place = struct.calcsize(word)
    offset, seen, first, chosen, count = struct.unpack(order + word, file.read(place))[0], set(), None, None, 0
    while offset and offset not in seen and len(seen) < MOST_PAGES:
        seen.add(offset)
        try:
            page, following = _read_directory(file, order, is_big, offset, whole=chosen is None)
        except struct.error:
            if first is None:
                raise
            break  # the pages after it are lost
        first = first or page
        if not page.is_reduced:
            chosen, count = chosen or page, count + 1
        offset = following
    if first is None:
        raise PictureError("truncated TIFF")
    return chosen or first, max(1, count)


def _read_directory(file, order, is_big, offset, whole):
    """(Page, offset of the next directory). whole: whether all its tags are read, or only what kind of page it is."""
    word, entry, number = ("Q", 20, "Q") if is_big else ("I", 12, "H")
    file.seek(offset)
    (entries,) = struct.unpack(order + number, file.read(struct.calcsize(number)))
    if entries > 4096:
        raise PictureError("damaged TIFF")
    table = file.read(entries * entry)
    following = file.read(struct.calcsize(word))
    tags = {}
    for start in range(0, len(table) - entry + 1, entry):
        tag, kind, count = struct.unpack_from(f"{order}HH{word}", table, start)
        if kind not in _CODES or tag not in (_WANTED if whole else {SUBFILE}):
            continue
        at = start + 4 + struct.calcsize(word)
        tags[tag] = _values(file, order, (kind, count), table[at : start + entry], word)
    next_offset = struct.unpack(order + word, following)[0] if len(following) == struct.calcsize(word) else 0
    return Page(order, tags, offset), next_offset


def _values(file, order, kind_and_count, inline, word):
    kind, count = kind_and_count
    code, count = _CODES[kind], count * (2 if kind in (5, 10) else 1)
    size = count if code == "s" else count * struct.calcsize(code)
    if size > _MOST_VALUES:
        raise PictureError("damaged TIFF")
    if size > len(inline):
        file.seek(struct.unpack(order + word, inline)[0])
        inline = file.read(size)
    if code == "s":
        return inline[:size]
    values = struct.unpack_from(f"{order}{count}{code}", inline)
    if kind in (5, 10):
        return tuple(top / bottom if bottom else 0.0 for top, bottom in zip(values[::2], values[1::2], strict=True))
    return values


def write_page(tags: dict[int, tuple[int, ...] | bytes], data: bytes, order: str) -> bytes:
    """The bytes of a TIFF file of one picture, whose only strip or tile is `data`.

    tags: without the tag of its place, which is STRIP_OFFSETS, or TILE_OFFSETS if there is a TILE_WIDTH.
    """
    place = TILE_OFFSETS if TILE_WIDTH in tags else STRIP_OFFSETS
    tags = tags | {place: (0,), (TILE_COUNTS if TILE_WIDTH in tags else STRIP_COUNTS): (len(data),)}
    start, values, entries = 8 + 2 + 12 * len(tags) + 4, b"", b""
    for tag in sorted(tags):
        value = tags[tag]
        packed = value if isinstance(value, bytes) else struct.pack(f"{order}{len(value)}I", *value)
        kind = 7 if isinstance(value, bytes) else 4
        if tag == place:
            packed = b"DATA"
        elif len(packed) > 4:
            packed, values = struct.pack(f"{order}I", start + len(values)), values + packed + bytes(-len(packed) % 2)
        entries += struct.pack(f"{order}HHI", tag, kind, len(value)) + packed.ljust(4, b"\0")
    entries = entries.replace(b"DATA", struct.pack(f"{order}I", start + len(values)))
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}IH", 8, len(tags))
    return head + entries + bytes(4) + values + data
