"""What a picture tells of how it was made: written into its file, and read again.

JSON in a text chunk of PNG, in the ImageDescription of TIFF, and in the UserComment of EXIF elsewhere. No time and no
path is in it: the same run gives the same bytes.
"""

import json
from dataclasses import fields

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

import files
from settings import DEFAULTS, LOSSES, STARTS, Settings, option

VERSION = "1.0"
SOFTWARE = f"neural_style {VERSION}"
KEY = "neural_style"
MOST = 100_000  # bytes of it that are read
ASCII = b"ASCII\0\0\0"  # begins a UserComment of plain text
WITH_EXIF = ("JPEG", "WEBP", "AVIF")


class MetadataError(Exception):
    """A picture that does not tell how it was made; the text is one sentence for the user."""


def about(settings, network_digest, step):
    """What is to be told of the picture of a stylize.Step: a dictionary for JSON."""
    return {
        "program": SOFTWARE,
        "flags": flags_of(settings),
        "network": network_digest,
        "iterations": step.iteration,
        "loss": step.lowest,  # of the picture
        "losses": {name: step.losses[name] for name in LOSSES},  # of the last iteration
    }


def flags_of(settings):
    """The flags that make these Settings from the defaults, but for a picture to start from."""
    flags = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if value is None or value == DEFAULTS[field.name] or (field.name == "initial" and value not in STARTS):
            continue
        flags.append(option(field.name))
        flags += [] if value is True else [str(part) for part in (value if isinstance(value, tuple) else (value,))]
    return flags


def save_options(kind, told):
    """Arguments for Pillow's save that put `told` into a file of the format `kind`; none where it has no place."""
    text = json.dumps(told)
    if kind == "PNG":
        info = PngInfo()
        info.add_text("Software", SOFTWARE)
        info.add_text(KEY, text)
        return {"pnginfo": info}
    if kind == "TIFF":
        return {"tiffinfo": {ExifTags.Base.ImageDescription: text, ExifTags.Base.Software: SOFTWARE}}
    if kind in WITH_EXIF:
        exif = Image.Exif()
        exif[ExifTags.Base.Software] = SOFTWARE
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = ASCII + text.encode()
        return {"exif": exif}
    return {}


def read(path):
    """What the picture in a file tells; MetadataError. Nobody vouches for it."""
    try:
        Image.init()
        with files.open_regular(path) as file:
            picture = Image.open(file, formats=("PNG", "TIFF", *(kind for kind in WITH_EXIF if kind in Image.OPEN)))
            text = _text(picture)
            if not isinstance(text, str) or len(text) > MOST:
                raise MetadataError
            told = json.loads(text)
        known = {option(field.name) for field in fields(Settings)}
        flags = told["flags"]
        if not all(isinstance(flag, str) and (not flag.startswith("--") or flag in known) for flag in flags):
            raise MetadataError
        return told
    except OSError as error:
        raise MetadataError(f"cannot read {path}: {error.strerror or 'not a picture in a known format'}") from error
    except Exception as error:  # decoders raise all sorts of things
        raise MetadataError(f"cannot take settings from {path}: it does not tell how it was made") from error


def _text(picture):
    if picture.format == "PNG":
        return picture.info.get(KEY)
    if picture.format == "TIFF":
        return picture.getexif().get(ExifTags.Base.ImageDescription)
    comment = picture.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    comment = comment if isinstance(comment, bytes) else str(comment).encode()
    return comment.removeprefix(ASCII).decode("ascii")
