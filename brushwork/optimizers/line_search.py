"""The line search: a point along a direction of descent that meets the strong Wolfe conditions."""

from typing import NamedTuple

import numpy as np

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9  # Nocedal and Wright 2006, section 3.1: c1, c2
TRIALS = 20


class Point(NamedTuple):
    """A trial: `image`, `position` times the direction from the start, with its losses and its gradient."""

    position: float
    total: float
    slope: float  # of the total along the direction
    image: np.ndarray
    losses: dict[str, float]
    gradient: np.ndarray


def line_search(evaluate, image, total, gradient, direction, box=None):
    """The first Point along `direction` that meets the strong Wolfe conditions; else the best one.

    evaluate: image -> (losses, gradient), called at most TRIALS times; total, gradient: their values at `image`.
    box: None or (least, greatest) value of a pixel, to which trials are clipped; clipped pixels do not count in slopes.
    Returns None if the direction does not descend or no trial lowers the total. A non-finite total counts as too high.

    Nocedal and Wright 2006, algorithms 3.5 and 3.6 in one loop: `low` is the best point so far; once there is a `high`,
    a minimum lies between the two.
    """
    slope = float(np.vdot(gradient, direction))
    if not slope < 0:
        return None
    start = low = Point(0.0, total, slope, image, None, gradient)
    high, position = None, 1.0
    for _ in range(TRIALS):
        trial = _trial(evaluate, image, direction, position, box)
        allowed = min(low.total, total + SUFFICIENT_DECREASE * position * slope)
        if not trial.total <= allowed:
            high = trial
        elif abs(trial.slope) <= -CURVATURE * slope:
            return trial
        else:
            if trial.slope * ((high.position if high else np.inf) - low.position) >= 0:
                high = low
            low = trial
        position = 4 * position if high is None else _minimum_between(low, high)
    return None if low is start else low


def _trial(evaluate, image, direction, position, box):
    trial = position * direction
    trial += image
    if box:
        clipped = np.clip(trial, *box)
        direction, trial = direction * (clipped == trial), clipped
    losses, gradient = evaluate(trial)
    return Point(position, losses["total"], float(np.vdot(gradient, direction)), trial, losses, gradient)


def _minimum_between(low, high):
    """The minimum of the cubic through two points and their slopes, a position at least a tenth away from `low`.

    It is never near `high`, because high.total >= low.total.
    """
    width = high.position - low.position
    with np.errstate(all="ignore"):
        bend = low.slope + high.slope - 3 * (high.total - low.total) / width
        root = np.sign(width) * np.sqrt(np.float64(bend**2 - low.slope * high.slope))
        share = 1 - (high.slope + root - bend) / (high.slope - low.slope + 2 * root)
    return low.position + width * (max(0.1, float(share)) if np.isfinite(share) else 0.5)
