"""Unsupported files: explains why a file cannot be read as a picture, and what to do with it."""

import difflib
import os
import shlex

HEAD = 65536  # bytes at the beginning of a file that are enough to identify its kind

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
AVIF_BRANDS = (b"avif", b"avis")
VIDEOS = tuple(".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .flv .3gp .ts .mts .m2ts .ogv".split())
RAWS = tuple(".dng .nef .nrw .cr2 .cr3 .arw .raf .orf .rw2 .pef .srw .3fr .iiq .x3f".split())
JXL_SIGNATURES = b"\xff\x0a", b"\0\0\0\x0cJXL "
_VIDEO_SIGNATURES = b"\x1a\x45\xdf\xa3", b"\0\0\1\xba", b"\0\0\1\xb3", b"FLV\1", b"\x30\x26\xb2\x75", b"OggS"
_SIGNATURES = {  # the first bytes of a file -> what it is, and what to do with it
    b"%PDF": "it is a PDF document; save its page as PNG or JPEG",
    b"%!PS": "not a picture in a known format: it is PostScript; save it as PNG or JPEG",
    b"MATLAB": "it is a MATLAB file, not a picture; a network is given with --network",
    b"\x89HDF": "it is an HDF5 file, not a picture; a network is given with --network",
    b"8BPS\0\2": "it is a large Photoshop document; save it as PNG or TIFF",
    b"gimp xcf": "it is a GIMP project; export it as PNG",
}


def brand(head: bytes) -> bytes | None:
    """Return the major brand of an ISO media file (HEIC, AVIF, MP4), 4 bytes; None for any other file.

    head: the first bytes of the file.
    """
    return head[8:12] if head[4:8] == b"ftyp" else None


def reason(path: str | os.PathLike, head: bytes) -> str | None:
    """Explain why a file cannot be read as a picture, with the remedy; None if it may be one.

    head: the first HEAD bytes of the file.
    """
    extension = os.path.splitext(path)[1].lower()
    if is_video(head):
        return "it is a video, which can only be the content of a film, as --output out.mp4 makes it"
    if extension in RAWS or brand(head) == b"crx ":
        return "it is a camera raw file; export it as TIFF or JPEG"
    for start, text in _SIGNATURES.items():
        if head.startswith(start):
            return text
    if head.startswith(b"PK\3\4"):
        if b"header.npy" in head[:60]:
            return "it is the state of a run, not a picture; --resume continues the run"
        return "it is an archive; unpack it and give the picture in it"
    text = head.replace(b"\0", b"") if head.startswith((b"\xff\xfe", b"\xfe\xff")) else head  # UTF-16
    text = text.lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"<") and b"<svg" in text:
        return "it is an SVG drawing; save it as PNG"
    if text.startswith((b"<!doctype html", b"<html")):
        return "not a picture in a known format: it is a web page; save the picture in it"
    return None


def missing_file_hint(path: str | os.PathLike) -> str:
    """Guess the mistake in a path that does not exist: the end of a sentence, after "; ", or "" without a guess."""
    path = os.fspath(path)
    directory, name = os.path.split(path)
    if path.startswith("~"):
        return "; the shell expands ~ only at the beginning of a word and outside quotes"
    if set("*?[") & set(name):
        return "; no file matches this pattern"
    if all(os.path.exists(part) for part in path.split(",")):
        return "; separate pictures by spaces, not by commas"
    try:
        names = [entry for entry in os.listdir(directory or os.curdir) if not entry.startswith(".")]
    except OSError:
        return f"; there is no directory {directory}" if directory and not os.path.exists(directory) else ""
    if spaced := [entry for entry in names if entry.startswith(f"{name} ")]:
        return f"; did you mean {shlex.quote(os.path.join(directory, spaced[0]))}? a name with spaces needs quotes"
    lower = [entry for entry in names if entry.lower() == name.lower()]
    stems = [entry for entry in names if os.path.splitext(entry)[0].lower() == os.path.splitext(name)[0].lower()]
    near = [*lower, *stems, *difflib.get_close_matches(name, names, 1, 0.8)]
    return f"; did you mean {os.path.join(directory, near[0])}?" if near else ""


def is_video(head: bytes) -> bool:
    """Return whether a file is a video. head: its first HEAD bytes."""
    known = (*HEIF_BRANDS, *AVIF_BRANDS, b"crx ", None)
    return brand(head) not in known or head.startswith(_VIDEO_SIGNATURES) or (head[:4], head[8:11]) == (b"RIFF", b"AVI")


def kind_of_name(name: str) -> tuple[str, str]:
    """Name the kind of a file that is not a picture by its extension: (singular, plural)."""
    extension = os.path.splitext(name)[1].lower()
    if extension in VIDEOS:
        return "video", "videos"
    if extension in RAWS:
        return "camera raw file", "camera raw files"
    return "file that is not a picture", "files that are not pictures"
