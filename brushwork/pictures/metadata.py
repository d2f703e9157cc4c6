"""Metadata: the settings that a picture was made with, as JSON in its file.

It contains no time and no path, so the same run writes the same bytes.
"""

import json
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from brushwork import VERSION, files
from brushwork.errors import MetadataError, PictureError
from brushwork.facts import facts_of
from brushwork.pictures import formats
from brushwork.pictures.exif import Photograph
from brushwork.pictures.read import check_supported
from brushwork.preview_settings import PREVIEW_SETTINGS, PreviewSettings
from brushwork.settings import SETTINGS, Settings
from brushwork.video_settings import VIDEO_SETTINGS, VideoSettings

SOFTWARE = f"neural_style {VERSION}"
KEY = "neural_style"
MAX_LENGTH = 100_000  # characters; longer metadata is refused
ASCII = b"ASCII\0\0\0"  # the first bytes of a UserComment in ASCII


def about(settings: Settings | PreviewSettings, network_digest: str, step: Any) -> dict[str, Any]:
    """The metadata of a picture, ready for JSON.

    step: a stylize.Step, with `iteration`, `lowest` and `losses`; or a preview.network.Preview, whose losses are empty.
    """
    made_with = {"program": SOFTWARE, "flags": flags_of(settings), "network": network_digest}
    if not step.losses:
        return made_with
    return made_with | {
        "iterations": step.iteration,
        "loss": step.lowest,  # of the picture
        "losses": step.term_losses,  # of the last iteration
    }


def about_film(settings: Settings | PreviewSettings, film: VideoSettings, network_digest: str) -> dict[str, Any]:
    """The metadata of a film, ready for JSON. settings: of its frames."""
    return {"program": SOFTWARE, "flags": [*flags_of(settings), *flags_of(film)], "network": network_digest}


def flags_of(settings: Settings | PreviewSettings | VideoSettings) -> list[str]:
    """The command-line flags that set these settings; the path of an initial picture is omitted."""
    flags = ["--instant"] if isinstance(settings, PreviewSettings) else []
    for name, setting in facts_of(type(settings)).items():
        value = getattr(settings, name)
        if value not in (None, setting.default) and (not setting.is_path or value in setting.words):
            values = value if isinstance(value, tuple) else (value,)
            flags += [setting.flag, *(str(part) for part in values if part is not True)]
    return flags


def save_options(
    kind: formats.Format, metadata: dict[str, Any] | None, photograph: Photograph | None = None
) -> dict[str, Any]:
    """Arguments for Pillow's save that write metadata into a file of a Format; {} if the format has no place for it.

    photograph: what to keep of the content's own metadata; where both need one tag, the settings have it.
    """
    if not kind.metadata or not (metadata or photograph):
        return {}
    text = json.dumps(metadata) if metadata else None
    tags, xmp = photograph or Photograph({}, None)
    if kind.metadata == "comment":
        return {"comment": text} if text else {}
    if kind.metadata == "description":
        tiffinfo = tags.get(0, {}) | {each: values for each, values in tags.items() if each and values}
        tiffinfo |= {ExifTags.Base.ImageDescription: text, ExifTags.Base.Software: SOFTWARE} if text else {}
        return {"tiffinfo": tiffinfo | ({ExifTags.Base.XMLPacket: xmp} if xmp else {})}
    exif = _exif(tags)
    if kind.metadata == "text":
        info = PngInfo()
        if text:
            info.add_text("Software", SOFTWARE)
            info.add_text(KEY, text)
        if xmp:
            info.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
        return {"pnginfo": info} | ({"exif": exif} if any(tags.values()) else {})
    if text:
        exif[ExifTags.Base.Software] = SOFTWARE
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = ASCII + text.encode()
    return {"exif": exif} | ({"xmp": xmp} if xmp else {})


def _exif(tags):
    """The Exif of Pillow with tags: directory -> tag -> value."""
    exif = Image.Exif()
    for directory, values in tags.items():
        if values:
            (exif.get_ifd(directory) if directory else exif).update(values)
    return exif


def read(path: str) -> dict[str, Any]:
    """Read the metadata in a picture's file. Only "flags", a list of strings, is checked. Raises MetadataError."""
    try:
        with files.open_regular(path) as file:
            check_supported(path, file)
            text = _text(Image.open(file, formats=[kind.name for kind in formats.readable_formats()]))
        return parsed(text)
    except (MetadataError, PictureError) as error:
        raise MetadataError(f"cannot take settings from {path}: {error}") from None
    except OSError as error:
        raise MetadataError(f"cannot read {path}: {error.strerror or 'not a picture in a known format'}") from error
    except Exception as error:  # decoders raise exceptions of any type
        reason = "it holds no settings of neural_style; give a picture that it saved"
        raise MetadataError(f"cannot take settings from {path}: {reason}") from error


def parsed(text: str) -> dict[str, Any]:
    """The metadata in a text of a file. Raises an exception of any type if it is none, or has unknown flags."""
    metadata = json.loads(text) if len(text) <= MAX_LENGTH else {}
    flags = metadata["flags"]
    known = {each.flag for each in (SETTINGS | PREVIEW_SETTINGS | VIDEO_SETTINGS).values()} | {"--instant"}
    if not isinstance(flags, list) or any(flag.startswith("-") and flag not in known for flag in flags):
        raise ValueError("not a list of known flags")
    return metadata


def _text(picture):
    """The JSON text in a Pillow picture. Raises an exception of any type if there is none."""
    place = formats.FORMATS[picture.format].metadata
    if place is None:
        able = " or ".join(kind.name for kind in formats.FORMATS.values() if kind.metadata)
        raise MetadataError(f"{picture.format} files keep no settings; give a picture saved as {able}")
    if place == "text":
        return picture.info[KEY]
    if place == "comment":
        return picture.info["comment"].decode("ascii")
    if place == "description":
        return picture.getexif()[ExifTags.Base.ImageDescription]
    comment = picture.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
    comment = comment if isinstance(comment, bytes) else str(comment).encode()
    return comment.removeprefix(ASCII).decode("ascii")
