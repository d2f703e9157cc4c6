"""Picture formats: what each format can hold, and how it is written."""

import importlib.util
import math
import os
from typing import Any, NamedTuple

from PIL import Image

_BEST = {"quality": 95, "subsampling": "4:4:4"}


class Format(NamedTuple):
    """A file format of Pillow, with the features that this program uses."""

    name: str  # Pillow's
    metadata: str | None = None  # its place: "text" chunks, the "description" tag, "exif", a "comment"; None: nowhere
    transparency: bool = False
    depth_16: bool = False  # whether it can have 16 bits a channel
    longest_side: float = math.inf  # px, that Pillow can write and read again
    writable: bool = True
    save_options: dict[str, Any] | None = None  # for Image.save

    @property
    def holds_photograph(self) -> bool:
        """Whether it has a place for the date, place and copyright of a photograph, beside the settings."""
        return self.metadata not in (None, "comment")


# Only these formats are read and written. Other decoders of Pillow start programs (EPS: Ghostscript) or open a file
# inside the file as a picture of any format (IPTC). Pillow tries the formats in this order. TGA comes last: it has no
# signature and accepts too much. JPEG is written without `optimize`: for that option Pillow gives libjpeg a buffer that
# a noisy picture overflows. Not written: PSD, SUN, for which Pillow has no encoder; ICO, ICNS, which Pillow shrinks.
_TABLE = (
    Format("PNG", "text", transparency=True, depth_16=True),
    Format("JPEG", "exif", longest_side=65500, save_options=_BEST),
    Format("WEBP", "exif", transparency=True, longest_side=16383, save_options={"quality": 95}),
    Format("TIFF", "description", True, depth_16=True),
    Format("AVIF", "exif", transparency=True, longest_side=32768, save_options=_BEST),
    *(Format(name) for name in ("BMP", "DIB", "PPM", "JPEG2000", "QOI", "DDS")),
    Format("GIF", "comment", longest_side=65535),
    Format("SGI", longest_side=65535),
    *(Format(name, writable=False) for name in ("PSD", "ICO", "ICNS", "SUN")),
    Format("HEIF", writable=False),  # where pillow-heif is installed; see `register_heif`
    *(Format(name, writable=False) for name in ("HDR", "PAM")),  # without Pillow; see float_formats
    Format("JXL", writable=False),  # where pillow-jxl-plugin is installed; see `register_jxl`
    Format("TGA", transparency=True, longest_side=65535),
)
JXL_REMEDY = "which needs pillow-jxl-plugin: python -m pip install pillow-jxl-plugin; or save it as PNG or JPEG"
HEIF_EXTENSIONS = (".heic", ".heif", ".hif")
FORMATS = {kind.name: kind for kind in _TABLE}


def format_of(path: str | os.PathLike) -> Format | None:
    """Return the Format for the extension of `path`, or None if the extension is not of a picture."""
    Image.init()
    extension = os.path.splitext(path)[1].lower()
    kind = {".jxl": "JXL", ".hdr": "HDR", ".pam": "PAM"} | dict.fromkeys(HEIF_EXTENSIONS, "HEIF")
    return FORMATS.get(kind.get(extension) or Image.EXTENSION.get(extension))


def is_writable(kind: Format) -> bool:
    """Return whether the installed Pillow can write pictures of any size in a Format."""
    return kind.writable and kind.name in Image.SAVE


def readable_formats() -> list[Format]:
    """List the formats that the installed Pillow can read, in the order in which Pillow must try them."""
    Image.init()
    return [kind for kind in _TABLE if kind.name in Image.OPEN]


def readable_extensions() -> list[str]:
    """List the extensions of picture files that can be read, with those of optional packages that are installed."""
    Image.init()
    names = {kind.name for kind in readable_formats()}
    found = {extension for extension, name in Image.EXTENSION.items() if name in names} | {".hdr", ".pam"}
    if importlib.util.find_spec("pillow_heif"):
        found |= set(HEIF_EXTENSIONS)
    return sorted(found | ({".jxl"} if importlib.util.find_spec("pillow_jxl") else set()))


def register_heif() -> bool:
    """Let Pillow read HEIC with pillow-heif. Returns whether pillow-heif is installed.

    Importing it takes a noticeable part of a second, so call this for HEIC files only.
    """
    if "HEIF" not in Image.OPEN:
        try:
            import pillow_heif
        except ImportError:
            return False
        pillow_heif.register_heif_opener()
    return True


def register_jxl() -> bool:
    """Let Pillow read JPEG XL with pillow-jxl-plugin. Returns whether it is installed. For JPEG XL files only."""
    if "JXL" not in Image.OPEN:
        try:
            import pillow_jxl  # noqa: F401, it registers itself
        except ImportError:
            return False
    return True
