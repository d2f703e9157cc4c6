"""Steps to watch, and a clock that the tests set."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from brushwork.schedule import EVALUATION_OVERHEAD, Scale, Schedule

NAMES = ("content", "style", "tv", "total")


class Clock:
    """`time` replaces the module time in a watcher; its monotonic() is `now`."""

    def __init__(self):
        self.now = 0.0
        self.time = SimpleNamespace(monotonic=lambda: self.now)


def schedule_of(*ends, costs=None):
    """The Schedule of scales that end with these iterations, at `costs` (1 by default) for each iteration.

    The first scale has 20x15 px, and each further one twice the sides.
    """
    befores = (0, *ends)
    scales = [
        Scale(15 * 2**number, 20 * 2**number, end - before, before, cost - EVALUATION_OVERHEAD)
        for number, (end, before, cost) in enumerate(zip(ends, befores, costs or [1] * len(ends), strict=False))
    ]
    return Schedule(tuple(scales))


def losses_at(iteration):
    """10, 100, 1000 and 1110 times one more than the iteration: all different, so that none can stand for another."""
    return {name: value * (iteration + 1.0) for name, value in zip(NAMES, (10, 100, 1000, 1110), strict=True)}


def make_step(iteration, *, ends=(100,)):
    """A step as `stylize` yields it, at the scale that the ends give; all pixels of its picture equal the iteration."""
    scale = next(number for number, end in enumerate(ends) if iteration <= end)
    picture = np.full((12, 18, 3), iteration, np.float32)
    losses = losses_at(iteration)
    about = {"iteration": iteration, "scale": scale, "losses": losses | {"style/relu1_1": 7.0}, "term_losses": losses}
    return SimpleNamespace(**about, picture=lambda: picture, end_scale=lambda: None)


def run(*, first=0, ends=(4,), clock=None, durations=()):
    """Yields the steps from `first` to the last. Each advances the clock by its duration, the last one repeated.

    A step whose `end_scale` is called is the last of its scale.
    """
    durations, number, iteration = list(durations), 0, first
    while iteration <= ends[-1]:
        if clock:
            clock.now += durations[min(number, len(durations) - 1)]
        step, ended = make_step(iteration, ends=ends), []
        step.end_scale = partial(ended.append, True)
        yield step
        iteration, number = (ends[step.scale] if ended else iteration) + 1, number + 1


def iterations(steps):
    return [step.iteration for step in steps]
