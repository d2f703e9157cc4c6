"""Line search: finds a point along a descent direction that satisfies the strong Wolfe conditions."""

from typing import NamedTuple

import numpy as np

from brushwork.optimizers import Evaluate

SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.9  # Nocedal and Wright 2006, section 3.1: c1, c2
TRIALS = 20  # evaluations at most


class Point(NamedTuple):
    """A point along the direction, with its losses and its gradient."""

    position: float  # distance from the start, in lengths of the direction
    total: float  # the loss that is minimised
    slope: float  # derivative of the total with respect to the position
    image: np.ndarray  # float [H, W, 3]
    losses: dict[str, float] | None  # None at the start
    gradient: np.ndarray  # of the total, [H, W, 3]


def line_search(
    evaluate: Evaluate,
    image: np.ndarray,
    total: float,
    gradient: np.ndarray,
    direction: np.ndarray,
    box: tuple[float, float] | None = None,
) -> Point | None:
    """Return the first Point along `direction` that satisfies the strong Wolfe conditions, or else the best one.

    evaluate: called at most TRIALS times. image: the start, float [H, W, 3]; total, gradient: its loss and gradient.
    direction: [H, W, 3]; the first trial is `image` + `direction`. box: least and greatest value of a pixel, to which
    trials are clipped; clipped pixels do not count in slopes.

    Returns None if the direction does not descend or no trial lowers the total. A total that is not finite counts as
    too high.

    Algorithms 3.5 and 3.6 of Nocedal and Wright 2006 in one loop: `low` is the best point so far; once there is a
    `high`, a minimum lies between the two.
    """
    slope = float(np.vdot(gradient, direction))
    if not slope < 0:
        return None
    start = low = Point(0.0, total, slope, image, None, gradient)
    high, position = None, 1.0
    for _ in range(TRIALS):
        trial = _trial(evaluate, image, direction, position, box)
        if (trial.total, trial.slope) == (total, slope):  # the start, by rounding: shorter trials are too
            break
        allowed = min(low.total, total + SUFFICIENT_DECREASE * position * slope)
        if not trial.total <= allowed or trial.total == total:  # `allowed` too may be rounded to the total
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
    """Evaluate the Point at a position."""
    trial = position * direction
    trial += image
    if box:
        clipped = np.clip(trial, *box)
        direction, trial = direction * (clipped == trial), clipped
    losses, gradient = evaluate(trial)
    return Point(position, losses["total"], float(np.vdot(gradient, direction)), trial, losses, gradient)


def _minimum_between(low, high):
    """Return the position of the minimum of the cubic through two points with their slopes.

    It is at least a tenth of the interval away from `low`. It is never near `high`, since high.total >= low.total.
    """
    width = high.position - low.position
    with np.errstate(all="ignore"):
        bend = low.slope + high.slope - 3 * (high.total - low.total) / width
        root = np.sign(width) * np.sqrt(np.float64(bend**2 - low.slope * high.slope))
        share = 1 - (high.slope + root - bend) / (high.slope - low.slope + 2 * root)
    return low.position + width * (max(0.1, float(share)) if np.isfinite(share) else 0.5)
