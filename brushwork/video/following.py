"""Following: what a frame begins with and is held to, from the frames that are finished."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from brushwork.losses.temporal import Predecessor
from brushwork.video.consistency import alike, consistency, is_cut, still
from brushwork.video.flow import flow_between, grey_of, warp
from brushwork.video.uncovered import painted_alike

FAINT = 0.01  # a consistency below which nothing is left of what was warped
KEY_FRAMES = 24  # every so many frames, and after a cut, a frame is a key frame


class Finished(NamedTuple):
    """A finished frame."""

    grey: np.ndarray  # the frame of the clip, uint8 [H, W]
    result: np.ndarray  # the painted one, float32 [H, W, 3]


def follows(frame: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where a frame follows from another, float32 [H, W], 0..1; the flow back to it). Frames: uint8 [H, W]."""
    backward = flow_between(frame, before)
    return consistency(backward, flow_between(before, frame)) * alike(frame, before, backward), backward


class Following:
    """The finished frames that the next one follows from: the last ones, and the last key frame.

    Each frame is painted on from the one before, so that a still picture would change more and more: by 3 % of its
    brightness and 11 % of its variation in 48 frames. Therefore still places follow from the key frame.
    """

    def __init__(self, reach: Sequence[int], predecessor: Predecessor):
        """reach: how many frames back, as (1, 2, 4). predecessor: `relate` sets it."""
        self._reach, self._predecessor = sorted(set(reach)), predecessor
        self._finished = deque(maxlen=max(reach))  # the last one first
        self._key: Finished | None = None

    @property
    def memory(self) -> int:
        """How many frames before the next one must be related and added, in order, if there are so many."""
        return max(KEY_FRAMES, *self._reach)

    def add(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        """Add a finished frame, [H, W, 3] each. number: of the frame in the clip, in steps of the film."""
        frame = Finished(grey_of(content), np.asarray(result, np.float32))
        if not self._finished or number % KEY_FRAMES == 0:
            self._key = frame
        self._finished.appendleft(frame)

    def relate(self, content: np.ndarray) -> bool:
        """Set what the next frame, [H, W, 3], follows from, and return whether there is anything.

        At a cut, all that came before is forgotten. In still places, the key frame has precedence, and then the nearer
        frame: the consistency of a farther one counts as far as those of the nearer ones leave something (Ruder et al.,
        equation 9).
        """
        self._predecessor.clear()
        frame, total, warped = grey_of(content), np.zeros(content.shape[:2], np.float32), np.zeros_like(content)
        for before, consistent, backward in self._sources(frame):
            share = np.maximum(consistent - total, 0)
            warped += share[:, :, np.newaxis] * np.clip(warp(before.result, backward), 0, 255)
            total += share
        if not total.any():
            return False
        known = np.minimum(total, 1)
        warped /= np.maximum(total, FAINT)[:, :, np.newaxis]
        self._predecessor.set(painted_alike(content, warped, np.where(known > FAINT, known, 0)), known)
        return True

    def _sources(self, frame):
        """Yield (finished frame, its consistency, the flow to it), in the order of their precedence."""
        nearest, *others = self._reach
        if nearest > len(self._finished):
            return
        before = self._finished[nearest - 1]
        consistent, backward = follows(frame, before.grey)
        if is_cut(frame, before.grey, consistent):
            self._finished.clear()
            return
        if self._key is not before:
            of_key, to_key = follows(frame, self._key.grey)
            yield self._key, of_key * still(to_key), to_key
        yield before, consistent, backward
        for back in others:
            if back <= len(self._finished):
                farther = self._finished[back - 1]
                yield farther, *follows(frame, farther.grey)
