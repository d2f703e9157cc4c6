"""Optimisers: from `evaluate` and a first image to a sequence of images and their losses.

evaluate(image) -> (losses, gradient): image and gradient are arrays [H, W, 3] of float32, losses a dictionary whose
"total" is what the gradient belongs to. An item's evaluations are made when the item is asked for.
"""

from collections import deque
from contextlib import closing
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from scipy import fft

from session import open_session


def adam(evaluate, image, *, learning_rate, beta1, beta2, epsilon):
    """Yields (image, losses), the first of them `image` itself, along the path of Adam (Kingma and Ba 2015), endlessly.

    TensorFlow's own AdamOptimizer, so its epsilon is the "epsilon hat" of the paper's section 2.
    learning_rate: about the change of a pixel in one step, on its scale of 0..255.
    """
    graph = tf.Graph()
    with graph.as_default():
        start = tf.placeholder(image.dtype, image.shape)
        gradient = tf.placeholder(image.dtype, image.shape)
        variable = tf.Variable(start, use_resource=True)
        step = tf.train.AdamOptimizer(learning_rate, beta1, beta2, epsilon).apply_gradients([(gradient, variable)])
        with tf.control_dependencies([step]):
            stepped = variable.read_value()
        initialize = tf.global_variables_initializer()
    with closing(open_session(graph)) as session:
        session.run(initialize, {start: image})
        take_step = session.make_callable(stepped, [gradient])
        while True:
            losses, slope = evaluate(image)
            yield image, losses
            image = take_step(slope)


def lbfgs(evaluate, image, *, memory, precondition=np.copy, first_change=2.0):
    """Yields (image, losses) for `image` and each accepted iterate of L-BFGS, until no step lowers the loss.

    Liu and Nocedal 1989 with a strong Wolfe line search, in the image's own type: SciPy's works in double precision,
    which costs as much time as a fast evaluation, and hides its memory. One evaluation an iterate, seldom more.
    memory: how many pairs of steps and gradient changes it remembers.
    precondition: gradient -> step, linear, symmetric, positive: the inverse Hessian to begin with, but for its scale.
    first_change: root mean square of the first trial step, on the pixels' scale of 0..255; the search corrects it.
    """
    losses, gradient = evaluate(image)
    yield image, losses
    pairs, scale = deque(maxlen=memory), None
    while True:
        if pairs:
            direction = _two_loops(gradient, pairs, precondition, scale)
        else:
            direction = -precondition(gradient)
            if not (norm := float(np.linalg.norm(direction))):
                return
            direction *= first_change * np.sqrt(image.size) / norm
        point = line_search(evaluate, image, losses["total"], gradient, direction)
        if point is None and not pairs:
            return
        if point is None:  # what is remembered misleads: once more along the gradient
            pairs.clear()
            continue
        step, change = point.image - image, point.gradient - gradient
        if (curvature := float(np.vdot(step, change))) > 0:
            pairs.append((step, change, curvature))
            scale = curvature / float(np.vdot(change, precondition(change)))
        image, losses, gradient = point.image, point.losses, point.gradient
        yield image, losses


def _two_loops(gradient, pairs, precondition, scale):
    """Minus the gradient times the remembered inverse Hessian: Nocedal and Wright 2006, algorithm 7.4."""
    direction, weights = -gradient, []
    for step, change, curvature in reversed(pairs):
        weights.append(float(np.vdot(step, direction)) / curvature)
        direction -= weights[-1] * change
    direction = scale * precondition(direction)
    for (step, change, curvature), weight in zip(pairs, reversed(weights), strict=True):
        direction += (weight - float(np.vdot(change, direction)) / curvature) * step
    return direction


def spectral(shape, exponent):
    """A preconditioner for images of `shape` [H, W, 3]: multiplies the frequency f by f^(-2 exponent).

    Pictures have more at low frequencies, and the loss is flatter there: in the discrete cosine transform, scaled so,
    its curvature is more even. f is the distance from the constant term, 1 at the highest frequencies.
    """
    height, width = shape[:2]
    vertical, horizontal = np.arange(height)[:, None, None] / height, np.arange(width)[None, :, None] / width
    frequency = np.maximum(np.hypot(vertical, horizontal) / np.sqrt(2), 1 / max(height, width))
    gain = (frequency ** (-2 * exponent)).astype(np.float32)

    def precondition(gradient):
        spectrum = fft.dctn(gradient, axes=(0, 1), norm="ortho", workers=-1)
        spectrum *= gain
        return fft.idctn(spectrum, axes=(0, 1), norm="ortho", workers=-1, overwrite_x=True)

    return precondition


class Point(NamedTuple):
    """A trial of a line search: the function and its slope at `position` along the direction."""

    position: float
    total: float
    slope: float
    image: np.ndarray
    losses: dict[str, float]
    gradient: np.ndarray


SUFFICIENT_DECREASE, CURVATURE, TRIALS = 1e-4, 0.9, 20


def line_search(evaluate, image, total, gradient, direction):
    """The first Point along `direction` that meets the strong Wolfe conditions, the best one found, or None.

    Nocedal and Wright 2006, algorithms 3.5 and 3.6 in one loop: `low` is the best point so far, and a minimum lies
    between it and `high` as soon as there is one. A total that is not finite counts as too high.
    """
    slope = float(np.vdot(gradient, direction))
    if not slope < 0:
        return None
    origin = low = Point(0.0, total, slope, image, None, gradient)
    high, position = None, 1.0
    for _ in range(TRIALS):
        trial_image = image + position * direction
        losses, trial_gradient = evaluate(trial_image)
        trial_slope = float(np.vdot(trial_gradient, direction))
        trial = Point(position, losses["total"], trial_slope, trial_image, losses, trial_gradient)
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
    return None if low is origin else low


def _minimum_between(low, high):
    """Where the cubic through two points and their slopes has its minimum, kept off the ends of the interval."""
    width = high.position - low.position
    with np.errstate(all="ignore"):
        bend = low.slope + high.slope - 3 * (high.total - low.total) / width
        root = np.sign(width) * np.sqrt(np.float64(bend**2 - low.slope * high.slope))
        share = 1 - (high.slope + root - bend) / (high.slope - low.slope + 2 * root)
    return low.position + width * (float(np.clip(share, 0.1, 0.9)) if np.isfinite(share) else 0.5)
