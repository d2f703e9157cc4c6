"""Clips: opened by their names, whatever holds them; those of animations and of many pictures are here."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from PIL import Image

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import read, sizes, unsupported
from brushwork.pictures.raster import MAX_PIXELS
from brushwork.video import names
from brushwork.video.clip import Clip, Size, Timing

SHORTEST = Fraction(1, 100)  # s: GIFs with shorter frames are shown at SLOW, as browsers do
SLOW = Fraction(1, 10)


def open_clip(paths: Sequence[str], rate: Fraction) -> Clip:
    """Open a clip: a video, an animation, a pattern of frames, or pictures in order. Raises PictureError.

    rate: frames a second of pictures that are files of their own.
    """
    if len(paths) == 1 and names.is_pattern(paths[0]):
        return Pictures(_matching(paths[0]), rate)
    if len(paths) > 1:
        return Pictures(paths, rate)
    path = read.existing(paths[0])
    try:
        with files.open_regular(path) as file:
            head = file.read(unsupported.HEAD)
    except OSError as error:
        hint = unsupported.missing_file_hint(path) if isinstance(error, FileNotFoundError) else ""
        raise PictureError(f"cannot read {path}: {error.strerror}{hint}") from error
    if unsupported.is_video(head) or names.extension_of(path) in unsupported.VIDEOS:
        from brushwork.video.containers import Video

        return Video(path)
    return Animation(path) if _frame_count(path) > 1 else Pictures([path], rate)


def _matching(pattern):
    """The files of a pattern of frames."""
    try:
        found = names.matching(pattern)
    except OSError as error:
        raise PictureError(f"cannot read {pattern}: {error.strerror}") from error
    if not found:
        raise PictureError(f"cannot read {pattern}: there is no such file, with a number for {names.NUMBER.pattern}")
    return list(found.values())


def _frame_count(path):
    """The number of pictures in a file; 1 if Pillow cannot tell, since `read.picture` says what is wrong."""
    try:
        with Image.open(path) as picture:
            return getattr(picture, "n_frames", 1) if picture.format in ("GIF", "PNG", "WEBP", "AVIF") else 1
    except Exception:  # decoders raise exceptions of any type
        return 1


@dataclass(frozen=True)
class Pictures:
    """A clip of pictures that are files of their own, in the size of the first one."""

    paths: Sequence[str]
    rate: Fraction

    may_have_sound = False

    @property
    def path(self) -> str:
        return self.paths[0]

    @property
    def size(self) -> tuple[int, int]:
        return read.picture(self.path, lambda height, width: (1, 1)).full_size

    @property
    def timing(self) -> Timing:
        base = 1 / self.rate
        return Timing(range(len(self.paths)), 1, base, self.rate)

    @property
    def remarks(self) -> Sequence[str]:
        return ()

    def frames(self, size: Size, numbers: range) -> Iterator[np.ndarray]:
        wanted = size(*self.size)
        for number in numbers:
            yield read.picture(self.paths[number], lambda height, width: wanted).image

    def digest(self) -> str:
        from brushwork.digest import digest_of

        facts = [(os.path.basename(path), os.stat(path).st_size) for path in self.paths]
        return digest_of(np.frombuffer(repr(facts).encode(), np.uint8))


class Animation:
    """A clip in one file of a picture format: GIF, WebP, PNG, AVIF."""

    may_have_sound = False

    def __init__(self, path: str):
        self.path, self.remarks = path, ()
        starts, now, duration = [], 0, 0
        try:
            with Image.open(path) as picture:
                for index in range(picture.n_frames):
                    picture.seek(index)
                    picture.load()  # WebP has the duration of a frame that is decoded
                    starts.append(now)
                    duration = _milliseconds(picture.info.get("duration"))
                    now += duration
                self.size = picture.size[::-1]
        except Exception as error:
            raise PictureError(f"cannot read {path}: damaged {picture_kind(path)}") from error
        if self.size[0] * self.size[1] > MAX_PIXELS:
            raise PictureError(f"cannot read {path}: more than the limit of {MAX_PIXELS} pixels")
        self.timing = Timing(starts, duration, Fraction(1, 1000), Fraction(1000 * len(starts), now))

    def frames(self, size: Size, numbers: range) -> Iterator[np.ndarray]:
        wanted = size(*self.size)
        with Image.open(self.path) as picture:
            for number in numbers:
                picture.seek(number)
                frame = picture.convert("RGBA")
                white = Image.new("RGBA", frame.size, "white")
                levels = np.asarray(Image.alpha_composite(white, frame).convert("RGB"), np.float32)
                yield np.clip(sizes.resample(levels, *wanted), 0, 255)

    def digest(self) -> str:
        return files.digest(self.path)


def _milliseconds(duration):
    """How long a frame is shown, from what the file says, in ms."""
    duration = round(duration or 0)
    return duration if duration > 1000 * SHORTEST else int(1000 * SLOW)


def picture_kind(path: str) -> str:
    """The name of a picture's format, by its extension."""
    return names.ANIMATIONS.get(names.extension_of(path), "picture")
