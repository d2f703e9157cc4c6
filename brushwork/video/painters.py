"""Painters: what makes the frames of a film, one after the other, in one graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from brushwork.engine import session
from brushwork.losses.temporal import Predecessor, Temporal
from brushwork.pictures.colors import postprocess
from brushwork.run import estimate
from brushwork.run.plan import PreviewPlan
from brushwork.schedule import Schedule, make_schedule
from brushwork.settings import STARTS
from brushwork.video.following import Following
from brushwork.video_settings import later_settings
from brushwork.watch import report
from brushwork.watch.progress import clock

if TYPE_CHECKING:
    from brushwork.run.runner import Runner
    from brushwork.video.plan import FilmPlan


class Painter(Protocol):
    """Paints frames, [H, W, 3], RGB, 0..255."""

    memory: int  # frames before the next one that `recall` must have been told of
    schedule: Schedule | None  # of the next frame; None if its time cannot be told
    begins: bool  # whether the next frame does not follow from the one before
    first_cost: float  # of a frame that does not, as in `schedule`
    later_cost: float  # of one that does

    def steps(self, content: np.ndarray) -> Iterator[Any]:
        """Yield the steps in which a frame is painted; the last one has its picture."""

    def follow(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        """Take note of a frame that is finished, as it is in its file. number: in the clip, in steps of the film."""

    def recall(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        """Take note of a frame that another process has finished."""

    def raw(self, step: Any, content: np.ndarray) -> np.ndarray:
        """The picture of a last step before `finished`."""

    def finished(self, image: np.ndarray, content: np.ndarray | None) -> np.ndarray:
        """A frame as it is in the film, from what is in its file."""

    def describe(self, count: int) -> Iterator[str]:
        """Yield lines of a dry run of so many frames."""

    def facts(self) -> dict[str, Any]:
        """What was decided here and must be the same when the film is resumed, ready for JSON."""


def make_painter(film: FilmPlan, runner: Runner) -> Painter:
    """The Painter of a film."""
    if isinstance(film.first, PreviewPlan):
        return InstantPainter(film.first, runner)
    return FramePainter(film, runner)


class InstantPainter:
    """Paints each frame in one pass through the preview network, which knows nothing of the others."""

    memory, schedule, begins, first_cost, later_cost = 0, None, False, 0.0, 0.0

    def __init__(self, plan: PreviewPlan, runner: Runner):
        self._plan, self._network = plan, runner.preview_network(plan)

    def steps(self, content: np.ndarray) -> Iterator[Any]:
        from brushwork.preview import network

        plan = self._plan
        return network.steps(self._network, content, plan.styles, plan.settings, plan.masks)

    def follow(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        pass

    recall = follow

    def raw(self, step: Any, content: np.ndarray) -> np.ndarray:
        return step.picture()

    def finished(self, image: np.ndarray, content: np.ndarray | None) -> np.ndarray:
        return image

    def describe(self, count: int) -> Iterator[str]:
        yield from estimate.describe_preview(self._plan)

    def facts(self) -> dict[str, Any]:
        return {}


class FramePainter:
    """Paints each frame by optimisation: the first as a picture, and those after it from what came before."""

    def __init__(self, film: FilmPlan, runner: Runner):
        self._film, self._predecessor = film, Predecessor()
        self._following = Following(film.settings.temporal_reach, self._predecessor)
        self.plan = plan = _as_before(film, film.first.with_precision(_precision(film)))
        self._objective = runner.objective(plan, Temporal(film.settings.temporal_weight, self._predecessor))
        self._first = plan.settings_for_stylize
        start = self._first.initial if self._first.initial in STARTS else "content"
        self._later = later_settings(self._first, film.settings.frame_iterations, initial=start)
        self.memory, self.begins = self._following.memory, True
        size = plan.content.shape[:2]
        self._schedules = {each: make_schedule(each, *size, plan.tile_sizes) for each in (self._first, self._later)}
        self.first_cost, self.later_cost = (self._schedules[each].cost for each in (self._first, self._later))

    @property
    def schedule(self) -> Schedule:
        return self._schedules[self._first if self.begins else self._later]

    def steps(self, content: np.ndarray) -> Iterator[Any]:
        from stylize import stylize

        self.begins, plan = not self._following.relate(content), self.plan
        steps = stylize(
            self._objective,
            content,
            plan.styles,
            self._first if self.begins else self._later,
            initial=plan.initial if self.begins else self._predecessor.start,
            masks=plan.masks,
            tile_sizes=plan.tile_sizes,
        )
        every = plan.options.print_iterations
        return report.print_losses(steps, every, self.schedule.iterations) if every else steps

    def follow(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        self._following.add(content, result, number)

    def recall(self, content: np.ndarray, result: np.ndarray, number: int) -> None:
        self._following.relate(content)
        self._following.add(content, result, number)

    def raw(self, step: Any, content: np.ndarray) -> np.ndarray:
        return postprocess(step.kept, content, replace(self._first, colors="style"))

    def finished(self, image: np.ndarray, content: np.ndarray | None) -> np.ndarray:
        return image if content is None else postprocess(image, content, self._first)

    def describe(self, count: int) -> Iterator[str]:
        yield from estimate.describe(self.plan, self._objective)
        pace = estimate.seconds_per_cost(self.plan, self._objective)
        later, first = (pace * estimate.EVALUATIONS * self._schedules[each].cost for each in (self._later, self._first))
        yield f"each frame after the first: {self._schedules[self._later].iterations} iterations, {clock(later)}"
        yield f"time of all {count} frames: {clock(first + (count - 1) * later)}, and more where there are cuts"

    def facts(self) -> dict[str, Any]:
        return {"precision": self.plan.precision, "tile_sizes": self.plan.tile_sizes}


def _precision(film):
    """The precision of the network: that of the run which is resumed, or else what the settings choose."""
    saved = film.options.saved
    return saved.film.get("precision") if saved else session.chosen_precision(film.first.settings.precision)


def _as_before(film, plan):
    """A plan with the tiles of the run that is resumed: they change how sums are rounded."""
    tiles = film.options.saved.film.get("tile_sizes") if film.options.saved else None
    return replace(plan, tile_sizes=tuple(tiles)) if tiles else plan
