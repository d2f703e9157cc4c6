"""The dry run: what a run would do, without doing it: sizes, layers, tiles, memory, and time."""

import time

import numpy as np

from brushwork.engine import memory
from brushwork.pictures import sizes
from brushwork.pictures.masks import Masks
from brushwork.preview import memory as instant_memory
from brushwork.run.duration import faster, suggested_scales
from brushwork.schedule import EVALUATION_OVERHEAD, is_tiled

PIECE = 512  # px: side of the piece of the content whose evaluation is timed
EVALUATIONS = 1.05  # per iteration: now and then a line search needs a second one


def describe(plan, objective):
    """Yields the lines that describe a plan; `objective`, made for it, is timed on a piece of the content."""
    settings, styles = plan.settings, [style.shape[:2] for style in plan.styles]
    seconds = seconds_per_cost(plan, objective)
    yield f"content layers: {_weighted(settings.content_layer_weights)}"
    yield f"style layers: {_weighted(settings.style_layer_weights)}"
    layers = len(plan.network.convolutions)
    yield f"optimizer: {settings.optimizer}, precision: {plan.precision}, network: {layers} layers"
    total = peak = 0.0
    scales = plan.schedule.scales
    for number, (scale, tile_size) in enumerate(zip(scales, plan.tile_sizes, strict=True), start=1):
        small = [sizes.scale_size(style, scale.width / plan.content.shape[1]) for style in styles]
        run = plan.network, settings, plan.precision, scale.size, small, tile_size, len(plan.masks.styles)
        needed = memory.estimate(*run)
        duration = seconds * scale.evaluation_cost * (scale.iterations * EVALUATIONS + 1 + len(styles) / 3)
        total, peak = total + duration, max(peak, needed)
        yield (
            f"scale {number} of {len(scales)}: {scale.width}x{scale.height}, {scale.iterations} iterations"
            f"{in_tiles(scale.size, tile_size)}, {needed / 1e9:.2f} GB, {_clock(duration)}"
        )
    yield f"memory: {peak / 1e9:.2f} GB of {memory.available() / 1e9:.2f} GB"
    yield f"time: {_clock(total)}{faster(plan, total)}"
    if suggested := suggested_scales(settings, plan.content.shape[:2]):
        yield f"suggestion: --scales {suggested} lets the brush strokes grow with the picture"


def describe_instant(plan):
    """Yields the lines that describe a plan for an instant picture."""
    height, width = plan.content.shape[:2]
    needed = instant_memory.estimate((height, width), len(plan.masks.styles))
    yield f"an instant picture of {width}x{height} pixels, {len(plan.styles)} styles, without any optimisation"
    yield f"memory: {needed / 1e9:.2f} GB of {memory.available() / 1e9:.2f} GB"


def in_tiles(size, tile_size):
    """The end of a sentence about a picture of `size` (height, width): the tiles it is evaluated in, if any."""
    return f", in tiles of {tile_size} pixels" if is_tiled(size, tile_size) else ""


def seconds_per_cost(plan, objective):
    """The time of an untiled evaluation, divided by its cost; see `schedule`. The second of two is timed."""
    height, width = (min(side, PIECE) for side in plan.content.shape[:2])
    piece, white = sizes.cover(plan.content, height, width), np.ones((height, width), np.float32)
    masks = Masks(
        (white,) * len(plan.masks.styles),
        None if plan.masks.content is None else white,
        (white,) * len(plan.masks.sources),
    )
    objective.aim(piece, [piece] * len(plan.styles), masks, tile_size=None)
    objective.evaluate(piece)
    start = time.perf_counter()
    objective.evaluate(piece)
    return (time.perf_counter() - start) / (height * width + EVALUATION_OVERHEAD)


def _weighted(layers):
    return ", ".join(f"{layer}:{weight:g}" for layer, weight in layers.items()) or "none"


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
