"""Shots: the parts of a film that do not depend on each other, as each begins with a cut."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from brushwork.video.consistency import is_cut
from brushwork.video.flow import grey_of
from brushwork.video.following import follows


def beginnings(contents: Iterable[np.ndarray], reach: Sequence[int]) -> Iterator[bool]:
    """Yield whether a shot begins with a frame, for each of the contents [H, W, 3], as `Following.relate` decides it.

    reach: how many frames back, as (1, 2, 4).
    """
    before = deque(maxlen=min(reach))
    for content in contents:
        frame, begins = grey_of(content), not before
        if len(before) == before.maxlen and is_cut(frame, before[-1], follows(frame, before[-1])[0]):
            before.clear()
            begins = True
        before.appendleft(frame)
        yield begins
