"""The watchers that print the losses, save pictures and states, and end a run in time."""

import sys
import time
from collections.abc import Callable
from contextlib import closing

from brushwork import messages
from brushwork.messages import logger
from brushwork.schedule import Pace, Schedule
from brushwork.watch import Steps

TIMED_STEPS, TIMED_SECONDS = 3, 2.0  # the duration is estimated after so many iterations, or seconds


def due(iteration: int, every: int, last: int | None) -> bool:
    """Whether an iteration is a multiple of `every` or the last."""
    return iteration % every == 0 or iteration == last


def end_in_time(steps: Steps, schedule: Schedule, deadline: float) -> Steps:
    """Ends the run before a step that would probably exceed the deadline, in seconds of time.monotonic.

    A scale before the last ends where it has used up its share of the time, and the next begins.
    """
    before, scale, until = time.monotonic(), -1, deadline
    pace = Pace(schedule, before)
    with closing(steps):
        for step in steps:
            yield step
            now = time.monotonic()
            if step.scale > scale:
                until = before + schedule.share_of_rest(step.scale) * (deadline - before)
            pace.record(step.iteration, step.scale, now)
            before, scale = now, step.scale
            is_over = step.iteration == schedule.scales[scale].last or now + pace.longest_step(scale) > until
            ends = is_over and scale + 1 < len(schedule.scales)
            if ends:
                step.end_scale()
            if now + pace.longest_step(scale + ends) > deadline:
                return


def estimate_duration(steps: Steps, schedule: Schedule, tell: Callable[[float], None]) -> Steps:
    """Calls tell(seconds) with the time that the run takes in all, once a few of its iterations have been timed."""
    pace, told = Pace(schedule, time.monotonic()), False
    with closing(steps):
        for step in steps:
            pace.record(step.iteration, step.scale, time.monotonic())
            count, seconds = pace.timed
            if not told and (count >= TIMED_STEPS or seconds >= TIMED_SECONDS):
                told = True
                tell(pace.seconds_in_all)
            yield step


def announce_scales(steps: Steps, schedule: Schedule) -> Steps:
    """Logs the number and the size of each scale: of the first with its first step, of the others before it."""
    scales, announced = schedule.scales, set()

    def announce(number):
        if number not in announced and number < len(scales):
            announced.add(number)
            logger.info(f"scale {number + 1} of {len(scales)}: {scales[number].width}x{scales[number].height}")

    with closing(steps):
        for step in steps:
            announce(step.scale)
            yield step
            if step.iteration == scales[step.scale].last:
                announce(step.scale + 1)


def print_losses(steps: Steps, every: int, last: int) -> Steps:
    """Prints the losses of the terms to standard output, until that fails, as when nothing reads it any more."""
    is_written = True
    with closing(steps):
        for step in steps:
            if is_written and due(step.iteration, every, last):
                losses = "".join(f"  {name} loss: {loss:<11g}" for name, loss in step.term_losses.items())
                line = f"Iteration {step.iteration:4}/{last}{losses}".rstrip()
                is_written = messages.print_to(sys.stdout, line)
            yield step


def save_checkpoints(steps: Steps, every: int, last: int | None, save: Callable) -> Steps:
    """Calls save(step) at multiples of `every` and at the last iteration; at the start only if that is the last."""
    with closing(steps):
        for step in steps:
            if due(step.iteration, every, last) and (step.iteration or last == 0):
                save(step)
            yield step


def save_states(steps: Steps, every: int, save: Callable) -> Steps:
    """Calls save(step) at multiples of `every` except the start."""
    return save_checkpoints(steps, every, None, save)
