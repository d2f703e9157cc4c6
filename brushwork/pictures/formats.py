"""Picture formats: what each one can hold, and how it is written."""

import math
import os
from typing import NamedTuple

from PIL import Image

_BEST = {"quality": 95, "subsampling": "4:4:4"}


class Format(NamedTuple):
    """One of Pillow's file formats, as far as this program uses it."""

    name: str  # Pillow's
    metadata: str | None = None  # where metadata goes: "text" chunks, the "description" tag, "exif"; None: nowhere
    transparency: bool = False
    depth_16: bool = False  # whether a colour channel can have 16 bits
    longest_side: float = math.inf  # px, of what Pillow can write and read again
    writable: bool = True
    save_options: dict | None = None  # for Pillow's save


# Only these are read and written. Other decoders of Pillow start programs (EPS: Ghostscript) or open a file inside the
# file as any format at all (IPTC). Pillow tries them in this order; TGA has no signature and accepts too much, so it
# comes last. JPEG without `optimize`: for that Pillow gives libjpeg a buffer that a noisy picture overflows.
# PSD, SUN: Pillow cannot write them. ICO, ICNS: it shrinks large pictures to the sizes of icons.
_TABLE = (
    Format("PNG", "text", transparency=True, depth_16=True),
    Format("JPEG", "exif", longest_side=65500, save_options=_BEST),
    Format("WEBP", "exif", transparency=True, longest_side=16383, save_options={"quality": 95}),
    Format("TIFF", "description", True, depth_16=True, save_options={"compression": "tiff_adobe_deflate"}),
    Format("AVIF", "exif", transparency=True, longest_side=32768, save_options=_BEST),
    *(Format(name) for name in ("BMP", "DIB", "PPM", "JPEG2000", "QOI", "DDS")),
    *(Format(name, longest_side=65535) for name in ("GIF", "SGI")),
    *(Format(name, writable=False) for name in ("PSD", "ICO", "ICNS", "SUN")),
    Format("HEIF", writable=False),  # where pillow-heif is installed; see `register_heif`
    Format("TGA", transparency=True, longest_side=65535),
)
HEIF_EXTENSIONS = (".heic", ".heif", ".hif")
FORMATS = {kind.name: kind for kind in _TABLE}


def format_of(path):
    """The Format that the extension of `path` stands for, or None."""
    Image.init()
    extension = os.path.splitext(path)[1].lower()
    return FORMATS["HEIF"] if extension in HEIF_EXTENSIONS else FORMATS.get(Image.EXTENSION.get(extension))


def is_writable(kind):
    """Whether the installed Pillow can write pictures of any size in a Format."""
    return kind.writable and kind.name in Image.SAVE


def readable_formats():
    """The formats that the installed Pillow can read, in the order in which it is to try them."""
    Image.init()
    return [kind for kind in _TABLE if kind.name in Image.OPEN]


def register_heif():
    """Let Pillow read HEIC by pillow-heif, which takes part of a second to import; whether it is installed."""
    if "HEIF" not in Image.OPEN:
        try:
            import pillow_heif
        except ImportError:
            return False
        pillow_heif.register_heif_opener()
    return True
