"""Names of clips and films: which command lines ask for a film, which files hold one, and the paths of its frames."""

from __future__ import annotations

import argparse
import os
import re
from contextlib import suppress

from brushwork.pictures import unsupported

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}  # that are written -> FFmpeg's names
ANIMATIONS = {".gif": "GIF", ".apng": "PNG", ".webp": "WEBP", ".png": "PNG"}  # pictures that move -> Pillow's names
PROBED = {  # what strangers may send: FFmpeg's names -> the usual extension. No playlists, which name other files.
    "mov,mp4,m4a,3gp,3g2,mj2": ".mp4",
    "matroska,webm": ".mkv",
    "avi": ".avi",
    "mpeg": ".mpg",
    "mpegts": ".ts",
    "flv": ".flv",
    "asf": ".wmv",
    "ogg": ".ogv",
}
READ_AS = "it"  # the name of such a file in messages of the process that reads it, which knows none
NUMBER = re.compile(r"%(0\d+)?d")  # the place of a frame's number in a pattern
PREFIX, EXTENSION = "frame-", ".png"  # of the frames that are kept while a film is painted


def asks_for_film(options: argparse.Namespace) -> bool:
    """Whether parsed options ask for a film: by the name of the output, or by --frames.

    A name that is a still picture's too, as out.gif, is a film's if the content moves. An animated content has always
    stood for its first frame in a .webp and a .png: .webp takes a video or a pattern, and either of them --frames.
    """
    extension = extension_of(options.output)
    if options.frames is not None or extension in unsupported.VIDEOS or is_pattern(options.output):
        return True
    if extension not in ANIMATIONS or extension == ".png":
        return False
    if any(is_pattern(path) or extension_of(path) in unsupported.VIDEOS for path in options.content):
        return True
    return extension in (".gif", ".apng") and (len(options.content) > 1 or _moves(options.content[0]))


def is_pattern(path: str) -> bool:
    """Whether a path is a pattern of frames, as f%d.png or f%04d.png, and no file of just this name."""
    return len(NUMBER.findall(os.path.basename(path))) == 1 and not os.path.lexists(path)


def numbered(pattern: str, number: int) -> str:
    """The path of a frame."""
    directory, name = os.path.split(pattern)
    return os.path.join(directory, NUMBER.sub(lambda found: f"{number:{found[1] or ''}}", name))


def matching(pattern: str) -> dict[int, str]:
    """{number: path} of the files that match a pattern, in the order of their numbers. Raises OSError."""
    directory, name = os.path.split(pattern)
    before, after = (re.escape(part) for part in re.split(NUMBER, name)[::2])
    wanted, found = re.compile(f"{before}([0-9]+){after}"), {}
    for entry in os.listdir(directory or "."):
        if match := wanted.fullmatch(entry):
            found[int(match[1])] = os.path.join(directory, entry)
    return dict(sorted(found.items()))


def extension_of(path: str) -> str:
    """The extension of a path, in lower case."""
    return os.path.splitext(path)[1].lower()


def frames_directory(output: str) -> str:
    """The directory of the finished frames of a film that is not complete."""
    return f"{os.path.splitext(output)[0]}.frames"


def _moves(path):
    """Whether a content is a directory, or an animation."""
    from PIL import Image

    if os.path.isdir(path):
        return True
    with suppress(Exception), Image.open(path) as picture:  # what is wrong with it is said where it is read
        return getattr(picture, "n_frames", 1) > 1
    return False
