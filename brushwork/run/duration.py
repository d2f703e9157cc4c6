"""Durations: how long a run will take, in words, and the flags with which a long one takes minutes."""

import math

from brushwork.schedule import make_schedule
from brushwork.settings import PRESETS

LONG, GOAL = 3600, 600  # s: above the one, flags are named with which the run takes about the other
LEAST_WIDTH = 256  # px, of what is suggested
LARGE = 1024  # px: brush strokes look small in larger pictures


def sentence(plan, seconds, pictures):
    """What is said of a run that takes so many seconds, and of all pictures of a batch."""
    if math.isfinite(plan.deadline):
        return f"this picture would take about {words(seconds)}; --max-seconds ends it in time"
    batch = f", and all {pictures} about {words(pictures * seconds)}" if pictures > 1 else ""
    return f"this picture takes about {words(seconds)}{batch}{faster(plan, seconds)}"


def faster(plan, seconds):
    """The end of a sentence about a run that takes so many seconds: the flags with which it takes minutes, if any."""
    if seconds <= LONG or plan.resume:
        return ""
    flags, iterations, fast = [], plan.settings.iterations, PRESETS["fast"]["iterations"]
    if iterations > fast and not plan.settings.scale_iterations:
        given = plan.options
        flags.append("--optimizer lbfgs --initial content" if given.settings_from else "--preset fast")
        flags += [f"--iterations {fast}"] if hasattr(given, "iterations") or given.settings_from else []
        seconds *= fast / iterations
    if seconds > GOAL:
        width = plan.content.shape[1]
        smaller = max(LEAST_WIDTH, int(width * math.sqrt(GOAL / seconds)) // 32 * 32)
        if smaller < width:
            flags.append(f"--width {smaller}")
            seconds *= (smaller / width) ** 2
    return f"; with {' '.join(flags)} it takes about {words(seconds)}" if flags else ""


def suggested_scales(settings, size):
    """A number of scales with which brush strokes grow with a large picture of `size`, or None."""
    long_side = max(size)
    if len(make_schedule(settings, *size).scales) > 1 or long_side <= LARGE:
        return None
    return 1 + math.ceil(math.log2(long_side / LARGE))


def words(seconds):
    """A duration in words, rounded."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 10 and minutes else f"{round(seconds / 3600)} h"
