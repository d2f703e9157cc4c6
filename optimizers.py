"""Optimisers: from `evaluate` and a first image to a sequence of images and their losses.

evaluate(image) -> (losses, gradient): image and gradient are arrays [H, W, 3] of float32, losses a dictionary whose
"total" is what the gradient belongs to. An item's evaluations are made when the item is asked for.
"""

from collections import deque
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from scipy import fft

from session import open_session


class Adam:
    """Iterates over (image, losses), endlessly, along the path of Adam (Kingma and Ba 2015).

    TensorFlow's own AdamOptimizer, so its epsilon is the "epsilon hat" of the paper's section 2.
    learning_rate: about the change of a pixel in one step, on its scale of 0..255.
    state: what `state()` of another one gave; this one goes on from there.
    """

    def __init__(self, evaluate, image, *, learning_rate, beta1, beta2, epsilon, state=None):
        self._evaluate, self._image, self._gradient = evaluate, image, None
        graph = tf.Graph()
        with graph.as_default():
            start, gradient = (tf.placeholder(image.dtype, image.shape) for _ in range(2))
            variable = tf.Variable(start, use_resource=True)
            optimizer = tf.train.AdamOptimizer(learning_rate, beta1, beta2, epsilon)
            step = optimizer.apply_gradients([(gradient, variable)])
            with tf.control_dependencies([step]):
                stepped = variable.read_value()
            scalars = {variable.op.name: variable for variable in optimizer.variables() if not variable.shape.rank}
            moments = {"first_moment": "m", "second_moment": "v"}
            self._variables = scalars | {name: optimizer.get_slot(variable, slot) for name, slot in moments.items()}
            initialize = tf.global_variables_initializer()
            values = {name: tf.placeholder(memory.dtype, memory.shape) for name, memory in self._variables.items()}
            restore = [memory.assign(values[name]) for name, memory in self._variables.items()]
        self._session = open_session(graph)
        self._session.run(initialize, {start: image})
        if state:
            self._session.run(restore, {values[name]: array for name, array in state.items()})
        self._take_step = self._session.make_callable(stepped, [gradient])

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is not None:
            self._image = self._take_step(self._gradient)
        losses, self._gradient = self._evaluate(self._image)
        return self._image, losses

    def state(self):
        """What the optimiser remembers besides the image: name -> array."""
        return self._session.run(self._variables)

    def close(self):
        self._session.close()


class LBFGS:
    """Iterates over (image, losses), the start and each accepted iterate of L-BFGS, until no step lowers the loss.

    Liu and Nocedal 1989 with a strong Wolfe line search, in the image's own type: SciPy's works in double precision,
    which costs as much time as a fast evaluation, and hides its memory. One evaluation an iterate, seldom more.
    memory: how many pairs of steps and gradient changes it remembers.
    precondition: gradient -> step, linear, symmetric, positive: the inverse Hessian to begin with, but for its scale.
    first_change: root mean square of the first trial step, on the pixels' scale of 0..255; the search corrects it.
    """

    def __init__(self, evaluate, image, *, memory, precondition=np.copy, first_change=2.0):
        self._evaluate, self._image, self._losses, self._gradient = evaluate, image, None, None
        self._precondition, self._first_change = precondition, first_change
        self._pairs, self._scale = deque(maxlen=memory), None

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is None:
            self._losses, self._gradient = self._evaluate(self._image)
        else:
            self._advance()
        return self._image, self._losses

    def state(self):
        return {}

    def close(self):
        pass

    def _advance(self):
        """Go to the next iterate; StopIteration if there is none."""
        point = self._search()
        if point is None and self._pairs:  # what is remembered misleads: once more along the gradient
            self._pairs.clear()
            point = self._search()
        if point is None:
            raise StopIteration
        step, change = point.image - self._image, point.gradient - self._gradient
        if (curvature := float(np.vdot(step, change))) > 0:
            self._pairs.append((step, change, curvature))
            self._scale = curvature / float(np.vdot(change, self._precondition(change)))
        self._image, self._losses, self._gradient = point.image, point.losses, point.gradient

    def _search(self):
        if self._pairs:
            direction = self._two_loops()
        else:
            direction = -self._precondition(self._gradient)
            if not (norm := float(np.linalg.norm(direction))):
                return None
            direction *= self._first_change * np.sqrt(direction.size) / norm
        return line_search(self._evaluate, self._image, self._losses["total"], self._gradient, direction)

    def _two_loops(self):
        """Minus the gradient times the remembered inverse Hessian: Nocedal and Wright 2006, algorithm 7.4."""
        direction, weights = -self._gradient, []
        for step, change, curvature in reversed(self._pairs):
            weights.append(float(np.vdot(step, direction)) / curvature)
            direction -= weights[-1] * change
        direction = self._scale * self._precondition(direction)
        for (step, change, curvature), weight in zip(self._pairs, reversed(weights), strict=True):
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
