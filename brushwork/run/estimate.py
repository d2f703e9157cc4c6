"""Estimates: the time and memory that a run takes, for a dry run and while it begins, and flags that shorten it."""

import math
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from brushwork.engine import memory
from brushwork.pictures import sizes
from brushwork.pictures.masks import Masks
from brushwork.presets import PRESETS
from brushwork.preview import memory as preview_memory
from brushwork.run.plan import Plan, PreviewPlan
from brushwork.schedule import EVALUATION_OVERHEAD, is_tiled, make_schedule
from brushwork.settings import Settings
from brushwork.watch.progress import clock

if TYPE_CHECKING:  # TensorFlow is imported with it
    from stylize import Objective

PIECE = 512  # px: side of the piece of the content whose evaluation is timed
EVALUATIONS = 1.05  # per iteration: now and then a line search needs a second one
LONG, GOAL = 3600, 600  # s: flags are suggested for runs longer than LONG, with which they take about GOAL
LEAST_WIDTH = 256  # px: the smallest width that is suggested
LARGE = 1024  # px: brush strokes look small in larger pictures


def describe(plan: Plan, objective: "Objective") -> Iterator[str]:
    """Yields the lines of a dry run: layers, scales, memory and time.

    objective: that of the plan; its targets are set, and two evaluations are made.
    """
    settings, scales = plan.settings, plan.schedule.scales
    yield f"content layers: {_weighted(settings.content_layer_weights)}"
    yield f"style layers: {_weighted(settings.style_layer_weights)}"
    if settings.nearest_layer_weights:
        yield f"layers of nearest: {_weighted(settings.nearest_layer_weights)}"
    layers = len(plan.network.convolutions)
    yield f"optimizer: {settings.optimizer}, precision: {plan.precision}, network: {layers} layers"
    pace, total, peak = seconds_per_cost(plan, objective), 0.0, 0.0
    for number, (scale, tile_size) in enumerate(zip(scales, plan.tile_sizes, strict=True), start=1):
        styles = [sizes.scale_size(style.shape[:2], scale.width / plan.content.shape[1]) for style in plan.styles]
        masks = len(plan.masks.styles)
        workload = memory.Workload(plan.network, settings, plan.precision, scale.size, styles, masks)
        needed = memory.estimate(workload, tile_size)
        evaluations = scale.iterations * EVALUATIONS + 1 + len(styles) / 3  # the start; targets have no gradient
        seconds = pace * scale.evaluation_cost * evaluations
        total, peak = total + seconds, max(peak, needed)
        yield (
            f"scale {number} of {len(scales)}: {scale.width}x{scale.height}, {scale.iterations} iterations"
            f"{in_tiles(scale.size, tile_size)}, {needed / 1e9:.2f} GB, {clock(seconds)}"
        )
    yield f"memory: {peak / 1e9:.2f} GB of {memory.available() / 1e9:.2f} GB"
    yield f"time: {clock(total)}{faster(plan, total)}"
    if suggested := suggested_scales(settings, plan.content.shape[:2]):
        yield f"suggestion: --scales {suggested} lets the brush strokes grow with the picture"


def describe_preview(plan: PreviewPlan) -> Iterator[str]:
    """Yields the lines of a dry run of an instant picture."""
    height, width = plan.content.shape[:2]
    needed = preview_memory.estimate((height, width), len(plan.masks.styles))
    yield f"an instant picture of {width}x{height} pixels, {len(plan.styles)} styles, without any optimisation"
    yield f"memory: {needed / 1e9:.2f} GB of {memory.available() / 1e9:.2f} GB"


def in_tiles(size: tuple[int, int], tile_size: int | None) -> str:
    """The end of a sentence about a picture of `size` (height, width): its tiles, or "" if it is untiled."""
    return f", in tiles of {tile_size} pixels" if is_tiled(size, tile_size) else ""


def seconds_per_cost(plan: Plan, objective: "Objective") -> float:
    """The seconds of an untiled evaluation of a piece of the content, divided by its cost as in `schedule`.

    The second of two evaluations is timed.
    """
    height, width = (min(side, PIECE) for side in plan.content.shape[:2])
    piece, white = sizes.cover(plan.content, height, width), np.ones((height, width), np.float32)
    masks = Masks(
        (white,) * len(plan.masks.styles),
        None if plan.masks.content is None else white,
        (white,) * len(plan.masks.sources),
    )
    objective.set_targets(piece, [piece] * len(plan.styles), masks, tile_size=None)
    objective.evaluate(piece)
    start = time.perf_counter()
    objective.evaluate(piece)
    return (time.perf_counter() - start) / (height * width + EVALUATION_OVERHEAD)


def duration(plan: Plan, seconds: float, pictures: int) -> str:
    """A sentence about the seconds that a run takes, and those of all pictures of a batch."""
    if math.isfinite(plan.deadline):
        return f"this picture would take about {rounded(seconds)}; --max-seconds ends it in time"
    batch = f", and all {pictures} about {rounded(pictures * seconds)}" if pictures > 1 else ""
    return f"this picture takes about {rounded(seconds)}{batch}{faster(plan, seconds)}"


def faster(plan: Plan, seconds: float) -> str:
    """The end of a sentence about the seconds that a run takes: flags with which it takes minutes, or ""."""
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
    return f"; with {' '.join(flags)} it takes about {rounded(seconds)}" if flags else ""


def suggested_scales(settings: Settings, size: tuple[int, int]) -> int | None:
    """A number of scales with which brush strokes grow with a large picture of `size` (height, width), or None."""
    long_side = max(size)
    if len(make_schedule(settings, *size).scales) > 1 or long_side <= LARGE:
        return None
    return 1 + math.ceil(math.log2(long_side / LARGE))


def rounded(seconds: float) -> str:
    """A duration, rounded to what an estimate can tell: "40 s", "9 min", "2 h 13 min", "31 h"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 10 and minutes else f"{round(seconds / 3600)} h"


def _weighted(layers):
    return ", ".join(f"{layer}:{weight:g}" for layer, weight in layers.items()) or "none"
