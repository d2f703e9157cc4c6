"""The dry run of a film: its frames, and the time, memory and disk that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from brushwork.watch.progress import clock

if TYPE_CHECKING:
    from brushwork.video.painters import Painter
    from brushwork.video.plan import FilmPlan

BYTES = 2.0  # of a pixel in the file of a frame that is kept: PNG of painted pictures


def lines(film: FilmPlan, painter: Painter) -> Iterator[str]:
    """Yield the lines of the dry run."""
    height, width = film.first.content.shape[:2]
    count, timing = len(film.numbers), film.clip.timing
    rate = float(timing.rate / film.numbers.step)
    yield f"film: {count} frames of {width}x{height} pixels, {rate:.4g} a second, {clock(count / rate)} long"
    yield from painter.describe(count)
    if not film.files.is_pattern:
        yield f"disk: about {BYTES * height * width * count / 1e9:.2g} GB for the frames until the film is written"
