"""Painters: what makes the frames of a film, one after the other, in one graph."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from brushwork.run import estimate
from brushwork.run.plan import PreviewPlan
from brushwork.schedule import Schedule

if TYPE_CHECKING:
    from brushwork.run.runner import Runner
    from brushwork.video.plan import FilmPlan


class Painter(Protocol):
    """Paints frames, [H, W, 3], RGB, 0..255."""

    reach: int  # frames before the next one that `follow` must have been told of
    schedule: Schedule | None  # of the next frame; None if its time cannot be told
    begins: bool  # whether the next frame does not follow from the one before
    later_cost: float  # of a frame that follows from the one before, as in `schedule`

    def steps(self, content: np.ndarray) -> Iterator[Any]:
        """Yield the steps in which a frame is painted; the last one has its picture."""

    def follow(self, content: np.ndarray, result: np.ndarray) -> None:
        """Take note of a frame that is finished, as it is in its file."""

    def raw(self, step: Any, content: np.ndarray) -> np.ndarray:
        """The picture of a last step before `finished`."""

    def finished(self, image: np.ndarray, content: np.ndarray | None) -> np.ndarray:
        """A frame as it is in the film, from what is in its file."""

    def describe(self, count: int) -> Iterator[str]:
        """Yield lines of a dry run of so many frames."""


def make_painter(film: FilmPlan, runner: Runner) -> Painter:
    """The Painter of a film."""
    return InstantPainter(film.first, runner)


class InstantPainter:
    """Paints each frame in one pass through the preview network, which knows nothing of the others."""

    reach, schedule, begins, later_cost = 0, None, False, 0.0

    def __init__(self, plan: PreviewPlan, runner: Runner):
        self._plan, self._network = plan, runner.preview_network(plan)

    def steps(self, content: np.ndarray) -> Iterator[Any]:
        from brushwork.preview import network

        plan = self._plan
        return network.steps(self._network, content, plan.styles, plan.settings, plan.masks)

    def follow(self, content: np.ndarray, result: np.ndarray) -> None:
        pass

    def raw(self, step: Any, content: np.ndarray) -> np.ndarray:
        return step.picture()

    def finished(self, image: np.ndarray, content: np.ndarray | None) -> np.ndarray:
        return image

    def describe(self, count: int) -> Iterator[str]:
        yield from estimate.describe_preview(self._plan)
