"""What a run would do, told without doing it: sizes, layers, tiles, memory, and the time that it would take."""

import time

import numpy as np

import images
import memory
import report
import tiles
from stylize import Masks, Objective

PIECE = 512  # px: side of the piece of the content that is evaluated to measure the time
EVALUATIONS = 1.05  # for an iteration: a line search needs a second one now and then


def describe(plan, precision):
    """The lines that tell of the run of a plan."""
    settings = plan.settings
    seconds = seconds_per_pixel(plan)
    yield f"content layers: {_weighted(settings.content_terms)}"
    yield f"style layers: {_weighted(settings.style_terms)}"
    yield f"optimizer: {settings.optimizer}, precision: {precision}, network: {len(plan.network.convolutions)} layers"
    total = peak = 0.0
    sizes = settings.sizes(*plan.content.shape[:2])
    for number, (size, count) in enumerate(zip(sizes, settings.iteration_counts, strict=True), start=1):
        share = size[1] / plan.content.shape[1]
        style_sizes = [[max(1, round(side * share)) for side in style.shape[:2]] for style in plan.styles]
        run = plan.network, settings, precision, size, style_sizes
        tile_size = memory.tile_size_for(*run, len(plan.masks.styles))
        needed = memory.estimate(*run, tile_size, len(plan.masks.styles))
        pixels = evaluated_pixels(settings, size, tile_size)
        duration = seconds * pixels * (count * EVALUATIONS + 1 + len(style_sizes) / 3)
        total, peak = total + duration, max(peak, needed)
        where = report.in_tiles(size, tile_size)
        yield (
            f"scale {number} of {len(sizes)}: {size[1]}x{size[0]}, {count} iterations{where},"
            f" {needed / 1e9:.2f} GB, {_clock(duration)}"
        )
    yield f"memory: {peak / 1e9:.2f} GB of {memory.available() / 1e9:.2f} GB"
    yield f"time: {_clock(total)}"


def seconds_per_pixel(plan):
    """Of an evaluation in one piece: two are made, and the second counts."""
    height, width = (min(side, PIECE) for side in plan.content.shape[:2])
    piece = images.cover(plan.content, height, width)
    masks = Masks(styles=tuple(np.ones((height, width), np.float32) for _ in plan.masks.styles))
    with Objective(plan.network, plan.settings, masks) as objective:
        objective.aim(piece, [piece] * len(plan.styles), masks)
        objective.evaluate(piece)
        start = time.perf_counter()
        objective.evaluate(piece)
        return (time.perf_counter() - start) / (height * width)


def evaluated_pixels(settings, size, tile_size):
    """Pixels of an evaluation, as if it were in one piece: tiles overlap, and go up through the network twice."""
    if tile_size is None or tile_size >= max(size):
        return size[0] * size[1]
    margin = tiles.margin({*settings.content_terms, *settings.style_terms})
    pieces = tiles.cut(*size, tile_size, margin)
    areas = ((tile.rows.stop - tile.rows.start) * (tile.columns.stop - tile.columns.start) for tile in pieces)
    return 4 / 3 * sum(areas)


def _weighted(layers):
    return ", ".join(f"{layer}:{weight:g}" for layer, weight in layers.items()) or "none"


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
