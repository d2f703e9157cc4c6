"""The contract of clips: moving pictures as frames in order, whatever holds them."""

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple, Protocol

import numpy as np

Size = Callable[[int, int], tuple[int, int]]  # (height, width) of a clip -> those of its frames, px


class Timing(NamedTuple):
    """When the frames of a clip are shown."""

    starts: Sequence[int]  # of each frame, in units of `base`, increasing
    last: int  # how long the last frame is shown, in the same unit
    base: Fraction  # s
    rate: Fraction  # frames a second, on average

    def duration(self, number: int) -> int:
        """How long a frame is shown, in units of `base`."""
        following = [*self.starts[number + 1 : number + 2], self.starts[-1] + self.last]
        return following[0] - self.starts[number]


class Clip(Protocol):
    """A clip; frames are counted from 0."""

    path: str  # of its file, or of its first picture
    size: tuple[int, int]  # (height, width) as shown, px
    timing: Timing
    remarks: Sequence[str]  # what is unusual, as ends of a sentence that begins with the path
    may_have_sound: bool

    def frames(self, size: Size, numbers: range) -> Iterator[np.ndarray]:
        """Yield frames, float32 [H, W, 3], RGB in sRGB, 0..255, of a size that depends on that of the clip."""

    def digest(self) -> str:
        """A digest of the files of the clip."""
