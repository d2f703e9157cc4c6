"""Optimisers: from `evaluate` and a first image to a sequence of images and their losses.

evaluate(image) -> (losses, gradient): image and gradient are arrays [H, W, 3] of float32, losses a dictionary whose
"total" is what the gradient belongs to. An item's evaluations are made when the item is asked for.
"""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf
from scipy import fft
from scipy.linalg import solve_triangular

from session import open_session

BOX = 0.0, 255.0  # black and white
PART = 16384  # numbers of an array: so much of 20 arrays is in a processor's cache while it is used


class Adam:
    """Iterates over (image, losses), endlessly, along the path of Adam (Kingma and Ba 2015).

    TensorFlow's own AdamOptimizer, so its epsilon is the "epsilon hat" of the paper's section 2.
    learning_rate: about the change of a pixel in one step, on its scale of 0..255.
    box: whether every step ends within 0..255.
    state: what `state()` of another one gave; this one goes on from there.
    """

    def __init__(self, evaluate, image, *, learning_rate, beta1, beta2, epsilon, box=False, state=None):
        self._evaluate, self._image, self._gradient = evaluate, image, None
        graph = tf.Graph()
        with graph.as_default():
            start, gradient = (tf.placeholder(image.dtype, image.shape) for _ in range(2))
            variable = tf.Variable(start, use_resource=True)
            optimizer = tf.train.AdamOptimizer(learning_rate, beta1, beta2, epsilon)
            step = optimizer.apply_gradients([(gradient, variable)])
            with tf.control_dependencies([step]):
                stepped = variable.read_value()
            if box:
                with tf.control_dependencies([variable.assign(tf.clip_by_value(stepped, *BOX))]):
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
        self._last = None

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is not None:
            self._image = self._take_step(self._gradient)
        losses, self._gradient = self._evaluate(self._image)
        return self._image, losses

    def state(self):
        """What the optimiser remembers besides the image: name -> array. It can still be asked once it is closed."""
        return self._last or self._session.run(self._variables)

    def close(self):
        self._last = self.state()
        self._session.close()


class LBFGS:
    """Iterates over (image, losses), the start and each accepted iterate of L-BFGS, until no step lowers the loss.

    Liu and Nocedal 1989 with a strong Wolfe line search, in the image's own type: SciPy's works in double precision,
    which costs as much time as a fast evaluation, and hides its memory. One evaluation an iterate, seldom more.
    memory: how many pairs of steps and gradient changes it remembers.
    coordinates: what the problem is solved in, as `Spectral`; None: the pixels.
    box: whether every image is within 0..255. Steps are then projected onto the box, and pixels that the loss draws
    out of it stay where they are (Bertsekas 1982).
    first_change: root mean square of the first trial step, on the pixels' scale of 0..255; the search corrects it.
    state: what `state()` of another one gave; this one goes on from there.
    """

    def __init__(self, evaluate, image, *, memory, coordinates=None, box=False, first_change=2.0, state=None):
        self._box = box
        self._evaluate, self._image, self._losses, self._gradient = evaluate, image, None, None
        self._coordinates, self._first_change = coordinates or Pixels(), first_change
        self._pairs = Pairs(memory, image.shape, image.dtype)
        if state:
            self._pairs.restore(state)

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is None:
            self._losses, self._gradient = self._evaluate(self._image)
            self._slopes = self._coordinates.gradient(self._gradient)
        else:
            self._advance()
        return self._image, self._losses

    def state(self):
        """What the optimiser remembers besides the image: name -> array. They are its own, not copies."""
        return self._pairs.state()

    def close(self):
        pass

    def _advance(self):
        """Go to the next iterate; StopIteration if there is none."""
        descent, point = self._search()
        if point is None and len(self._pairs):  # what is remembered misleads: once more along the gradient
            self._pairs.clear()
            descent, point = self._search()
        if point is None:
            raise StopIteration
        step, length = descent, point.position
        if self._box:
            step, length = self._coordinates.of(point.image - self._image), 1.0
        self._image, self._losses, self._gradient = point.image, point.losses, point.gradient
        before, self._slopes = self._slopes, self._coordinates.gradient(self._gradient)
        self._pairs.append(step, length, before, self._slopes)

    def _search(self):
        """(the direction of descent in the coordinates, the Point found along it or None)."""
        slopes, free = self._slopes, None
        if self._box:
            drawn_out = (self._image <= BOX[0]) & (self._gradient > 0) | (self._image >= BOX[1]) & (self._gradient < 0)
            free = ~drawn_out
            slopes = self._coordinates.gradient(self._gradient * free)
        descent = self._pairs.newton_step(slopes) if len(self._pairs) else -slopes
        direction = self._coordinates.image(descent)
        if free is not None:
            direction *= free
        if not len(self._pairs):
            norm = float(np.linalg.norm(direction))
            scale = direction.dtype.type(self._first_change * np.sqrt(direction.size) / norm if norm else 0)
            direction, descent = direction * scale, descent * scale
        box = BOX if self._box else None
        return descent, line_search(self._evaluate, self._image, self._losses["total"], self._gradient, direction, box)


class Pairs:
    """The last steps s and changes y of the gradient, and the inverse Hessian that they make.

    In the compact form of Byrd, Nocedal and Schnabel 1994, theorem 2.2: whole-image work is three products of a matrix
    with a vector, which read the memory at its full speed; the two loops of the textbook take four times as long. Two
    of the products are made together, so that an iterate without a box reads the memory twice.
    """

    def __init__(self, memory, shape, dtype):
        self._arrays = np.empty([2, memory, int(np.prod(shape))], dtype)  # the steps, the changes
        self._products = np.zeros([2, memory, memory])  # s_i y_j, y_i y_j
        self._order = []  # the rows in use, the oldest first
        self._latest = None, None  # the gradient after the last step, its products

    def __len__(self):
        return len(self._order)

    def clear(self):
        self._order.clear()
        self._latest = None, None

    def state(self):
        """The rows in use, in their order, and their products."""
        used = max(self._order, default=-1) + 1
        return {
            "pairs": self._arrays[:, :used],
            "products": self._products[:, :used, :used],
            "order": np.array(self._order, np.int64),
        }

    def restore(self, state):
        """Remember what another one gave as its `state()`."""
        used = state["pairs"].shape[1]
        self._arrays[:, :used] = state["pairs"]
        self._products[:, :used, :used] = state["products"]
        self._order = state["order"].tolist()
        self._latest = None, None

    def append(self, direction, length, before, after):
        """Remember the step length * direction between gradients `before` and `after`, unless the loss bends down."""
        row = next((row for row in range(self._arrays.shape[1]) if row not in self._order), None)
        row = self._order[0] if row is None else row
        step, change = self._arrays[:, row]
        np.multiply(direction.reshape(-1), length, out=step)
        np.subtract(after.reshape(-1), before.reshape(-1), out=change)
        order = [*(other for other in self._order if other != row), row]
        products, of_after = self._times([change, after.reshape(-1)], max(order) + 1)
        self._latest = None, None
        if products[0, row] > 0:
            self._order, self._latest = order, (after, of_after)
            self._products[:, : products.shape[1], row] = products
            self._products[1, row, : products.shape[1]] = products[1]
        elif row in self._order:  # it was written over
            self._order.remove(row)

    def newton_step(self, gradient):
        """Minus the inverse Hessian times the gradient; before any pair, it is s'y / y'y of the last one."""
        order = self._order
        used = max(order) + 1
        latest, products = self._latest
        if latest is not gradient:
            (products,) = self._times([gradient.reshape(-1)], used)
        along, across = products[:, order]
        triangle, changes = np.triu(self._products[0][np.ix_(order, order)]), self._products[1][np.ix_(order, order)]
        scale = triangle[-1, -1] / changes[-1, -1]
        bent = solve_triangular(triangle, along)
        inner = (np.diag(np.diag(triangle)) + scale * changes) @ bent - scale * across
        weights = np.zeros([2, used], gradient.dtype)
        weights[0, order] = -solve_triangular(triangle, inner, trans="T")
        weights[1, order] = scale * bent
        step = gradient.reshape(-1) * gradient.dtype.type(-scale)
        for part in self._parts():
            for rows, share in zip(self._arrays, weights, strict=True):
                step[part] += share @ rows[:used, part]
        return step.reshape(gradient.shape)

    def _times(self, vectors, used):
        """The products of the first rows with each of some vectors, [2, rows] each."""
        results = np.zeros([len(vectors), 2, used])
        for part in self._parts():
            for vector, result in zip(vectors, results, strict=True):
                result += [rows[:used, part] @ vector[part] for rows in self._arrays]
        return results

    def _parts(self):
        return (slice(start, start + PART) for start in range(0, self._arrays.shape[-1], PART))


class Pixels:
    """The coordinates that an image has as it is."""

    def gradient(self, gradient):
        return gradient

    def image(self, change):
        return change

    def of(self, change):
        return change


class Spectral:
    """Coordinates for images [H, W, 3]: the discrete cosine transform, where frequency f counts in units f^-exponent.

    Pictures have more at low frequencies, and the loss is flatter there: in these coordinates its curvature is more
    even. f is the distance from the constant term, 1 at the highest frequencies.
    """

    def __init__(self, shape, exponent):
        height, width = shape[:2]
        vertical, horizontal = np.arange(height)[:, None, None] / height, np.arange(width)[None, :, None] / width
        frequency = np.maximum(np.hypot(vertical, horizontal) / np.sqrt(2), 1 / max(height, width))
        self._units = (frequency**-exponent).astype(np.float32)

    def gradient(self, gradient):
        """With respect to the coordinates, from that with respect to the pixels."""
        spectrum = fft.dctn(gradient, axes=(0, 1), norm="ortho", workers=-1)
        spectrum *= self._units
        return spectrum

    def image(self, change):
        """The change of the pixels that a change of the coordinates is."""
        return fft.idctn(change * self._units, axes=(0, 1), norm="ortho", workers=-1, overwrite_x=True)

    def of(self, change):
        """The change of the coordinates that a change of the pixels is."""
        return fft.dctn(change, axes=(0, 1), norm="ortho", workers=-1) / self._units


class Point(NamedTuple):
    """A trial of a line search: the function and its slope at `position` along the direction."""

    position: float
    total: float
    slope: float
    image: np.ndarray
    losses: dict[str, float]
    gradient: np.ndarray


SUFFICIENT_DECREASE, CURVATURE, TRIALS = 1e-4, 0.9, 20


def line_search(evaluate, image, total, gradient, direction, box=None):
    """The first Point along `direction` that meets the strong Wolfe conditions, the best one found, or None.

    box: (least, greatest) of a pixel; the path ends there for the pixels that reach it.

    Nocedal and Wright 2006, algorithms 3.5 and 3.6 in one loop: `low` is the best point so far, and a minimum lies
    between it and `high` as soon as there is one. A total that is not finite counts as too high.
    """
    slope = float(np.vdot(gradient, direction))
    if not slope < 0:
        return None
    origin = low = Point(0.0, total, slope, image, None, gradient)
    high, position = None, 1.0
    for _ in range(TRIALS):
        trial_image = position * direction
        trial_image += image
        along = direction
        if box:
            confined = np.clip(trial_image, *box)
            along, trial_image = direction * (confined == trial_image), confined
        losses, trial_gradient = evaluate(trial_image)
        trial_slope = float(np.vdot(trial_gradient, along))
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
