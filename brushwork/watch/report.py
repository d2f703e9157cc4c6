"""Watchers of a run: generators that pass its steps on unchanged, and print, save or end on the way.

Each closes the steps it watches when it is closed. `scales` are pairs ((height, width), number of the last iteration).
"""

import math
import sys
import time
from collections import deque
from contextlib import closing

from brushwork import messages
from brushwork.settings import LOSSES

CALL = 20_000  # pixels whose evaluation takes as long as what every evaluation takes beside
TIMED_STEPS, TIMED_SECONDS = 3, 2.0  # iterations that are timed: so many, or fewer if they take longer


def due(iteration, every, last):
    """Whether an iteration is a multiple of `every` or the last."""
    return iteration % every == 0 or iteration == last


def limited(steps, deadline, scales):
    """Ends the run where one more step would probably end after the deadline, a time of time.monotonic.

    A scale before the last ends where it has used up its share of the time, and the next begins. A step is expected to
    take as long as the longest of the last five at its scale. The first step of the next scale is expected to take
    longer in proportion to the pixels, times three: it includes the targets and the start.
    """
    before, durations, scale, until = time.monotonic(), deque(maxlen=5), -1, deadline
    with closing(steps):
        for step in steps:
            yield step
            now = time.monotonic()
            if step.scale > scale:
                durations.clear()
                until = before + _share(scales, step.scale) * (deadline - before)
            durations.append(now - before)
            before, scale, expected = now, step.scale, max(durations)
            if scale + 1 < len(scales):
                ends = step.iteration == scales[scale][1]
                if now + expected > until and not ends:
                    step.end_scale()
                    ends = True
                if ends:
                    expected *= 3 * math.prod(scales[scale + 1][0]) / math.prod(scales[scale][0])
            if now + expected > deadline:
                return


def _share(scales, scale):
    """The time that a scale takes, as a share of the time of all from this one on."""
    ends = [0, *(end for _, end in scales)]
    costs = [(end - start) * (math.prod(size) + CALL) for (size, end), start in zip(scales, ends, strict=False)]
    return costs[scale] / sum(costs[scale:]) if costs[scale] else 1.0


def estimated(steps, ends, work, tell):
    """Calls tell(seconds) with the time that the run will take in all, once a few of its iterations have been timed.

    ends: the number of the last iteration of each scale. work: the pixels that each evaluation passes at each scale.
    """
    first = began = None
    told = False
    with closing(steps):
        for step in steps:
            now = time.monotonic()
            if first is None or step.scale != first.scale:
                first, began = step, now
            count = step.iteration - first.iteration
            if not told and count and (count >= TIMED_STEPS or now - began >= TIMED_SECONDS):
                told = True
                pace = (now - began) / count / work[step.scale]  # seconds for a pixel
                counts = [end - max(before, first.iteration) for before, end in zip([0, *ends], ends, strict=False)]
                tell(pace * sum(max(0, count) * pixels for count, pixels in zip(counts, work, strict=True)))
            yield step


def announced(steps, scales, say):
    """Says the number and the size of each scale: of the first with its first step, of the others before it."""
    said = set()

    def announce(scale):
        if scale not in said and scale < len(scales):
            said.add(scale)
            height, width = scales[scale][0]
            say(f"scale {scale + 1} of {len(scales)}: {width}x{height}")

    with closing(steps):
        for step in steps:
            announce(step.scale)
            yield step
            if step.iteration == scales[step.scale][1]:
                announce(step.scale + 1)


def printed(steps, every, last):
    """Prints the losses to standard output, until nothing reads it any more."""
    read = True
    with closing(steps):
        for step in steps:
            if read and due(step.iteration, every, last):
                losses = "".join(f"  {name} loss: {step.losses[name]:<11g}" for name in LOSSES)
                try:
                    messages.print_to(sys.stdout, f"Iteration {step.iteration:4}/{last}{losses}".rstrip())
                except BrokenPipeError:
                    read = False
            yield step


def with_checkpoints(steps, every, last, save):
    """Calls save(step) at multiples of `every` and at the last iteration; at the start only if that is the last."""
    with closing(steps):
        for step in steps:
            if due(step.iteration, every, last) and (step.iteration or last == 0):
                save(step)
            yield step


def with_states(steps, every, save):
    """Calls save(step) at multiples of `every` except the start."""
    return with_checkpoints(steps, every, None, save)
