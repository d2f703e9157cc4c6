"""Following: what a frame begins with and is held to, from the frames that are finished."""

from collections import deque
from collections.abc import Sequence

import numpy as np

from brushwork.losses.temporal import Predecessor
from brushwork.video.consistency import alike, consistency, is_cut
from brushwork.video.flow import flow_between, grey_of, warp
from brushwork.video.uncovered import painted_alike

FAINT = 0.01  # a consistency below which nothing is left of what was warped


def follows(frame: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(where a frame follows from another, float32 [H, W], 0..1; the flow back to it). Frames: uint8 [H, W]."""
    backward = flow_between(frame, before)
    return consistency(backward, flow_between(before, frame)) * alike(frame, before, backward), backward


class Following:
    """The finished frames that the next one follows from, the last ones only."""

    def __init__(self, reach: Sequence[int], predecessor: Predecessor):
        """reach: how many frames back, as (1, 2, 4). predecessor: `relate` sets it."""
        self._reach, self._predecessor = sorted(set(reach)), predecessor
        self._finished = deque(maxlen=max(reach))  # (content, uint8 [H, W]; result, float32 [H, W, 3]), the last first

    def add(self, content: np.ndarray, result: np.ndarray) -> None:
        """Add a finished frame, [H, W, 3] each."""
        self._finished.appendleft((grey_of(content), np.asarray(result, np.float32)))

    def relate(self, content: np.ndarray) -> bool:
        """Set what the next frame, [H, W, 3], follows from, and return whether there is anything.

        At a cut, all that came before is forgotten. Of several frames, the nearer has precedence: the consistency of a
        farther one counts as far as those of the nearer ones leave something (Ruder et al., equation 9).
        """
        self._predecessor.clear()
        frame, total, warped = grey_of(content), np.zeros(content.shape[:2], np.float32), np.zeros_like(content)
        for back in self._reach:
            if back > len(self._finished):
                break
            before, result = self._finished[back - 1]
            consistent, backward = follows(frame, before)
            if back == self._reach[0] and is_cut(frame, before, consistent):
                self._finished.clear()
                return False
            share = np.maximum(consistent - total, 0)
            warped += share[:, :, np.newaxis] * np.clip(warp(result, backward), 0, 255)
            total += share
        if not total.any():
            return False
        known = np.minimum(total, 1)
        warped /= np.maximum(total, FAINT)[:, :, np.newaxis]
        self._predecessor.set(painted_alike(content, warped, np.where(known > FAINT, known, 0)), known)
        return True
