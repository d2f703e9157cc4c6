"""Frame files: the finished frames of a film, which are its state until it is complete."""

from __future__ import annotations

import itertools
import os
import re
from contextlib import suppress

import numpy as np

from brushwork import files
from brushwork.pictures import read, write
from brushwork.video import names

KEPT = re.compile(r"frame-[0-9]{6,}\.png")


class FrameFiles:
    """Where the painted frames are kept: beside the film, or where its output, a pattern, says.

    Frames have the numbers of the clip, counted from 1. What is painted next begins with what is read from these
    files, so that a film that was interrupted continues as if it had not been.
    """

    def __init__(self, output: str, *, is_raw: bool):
        """is_raw: whether frames get their colours after they have been painted, so that both are needed."""
        self.output, self.is_raw = output, is_raw
        self.is_pattern = names.is_pattern(output)
        self.directory = names.frames_directory(output)

    def kept(self, number: int) -> str:
        """The path of a frame as it was painted."""
        if self.is_pattern and not self.is_raw:
            return names.numbered(self.output, number)
        return os.path.join(self.directory, f"frame-{number:06}.png")

    def finished(self, numbers: range) -> set[int]:
        """The indices of the frames in `numbers` that are there; numbers are counted from 0."""
        return {index for index, number in enumerate(numbers) if os.path.isfile(self.kept(number + 1))}

    def forget(self, numbers: range) -> None:
        """Remove frames of an earlier film, which a resumed run would take for its own; as for `finished`."""
        for number in numbers:
            with suppress(FileNotFoundError):
                os.remove(self.kept(number + 1))

    def prepare(self) -> None:
        """Create the directories of the frames, and remove what killed processes have left there. Raises OSError."""
        directory = os.path.dirname(self.kept(1)) or "."
        os.makedirs(directory, exist_ok=True)
        files.remove_leftovers(directory)

    def save(self, number: int, image: np.ndarray, *, depth: int = 8, about: dict | None = None) -> np.ndarray:
        """Write a frame, float [H, W, 3], 0..255, and return it as it is in the file. Raises PictureError."""
        write.save(self.kept(number), image, metadata=about if self.is_pattern else None, depth=depth)
        return self.load(number)

    def load(self, number: int) -> np.ndarray:
        """A frame as it was painted: float32 [H, W, 3]. Raises PictureError."""
        return read.image(self.kept(number))

    def remove(self) -> None:
        """Remove the frames that are kept beside the film, and their directory unless it holds other files."""
        with suppress(OSError):
            for name in os.listdir(self.directory):
                if KEPT.fullmatch(name):
                    os.remove(os.path.join(self.directory, name))
            os.rmdir(self.directory)


def done_of(finished: set[int]) -> int:
    """How many frames are finished before the first one that is not, of indices."""
    return next(index for index in itertools.count() if index not in finished)
