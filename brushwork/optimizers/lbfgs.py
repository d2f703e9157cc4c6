"""L-BFGS (Liu and Nocedal 1989): steps along the gradient times an inverse Hessian built from the last steps."""

import numpy as np
from scipy.linalg import solve_triangular

from brushwork.errors import Diverged
from brushwork.optimizers import BOX, Evaluate
from brushwork.optimizers.coordinates import Identity, Spectral
from brushwork.optimizers.line_search import line_search

CHUNK = 16384  # columns processed at once: with 20 rows they fit into the cache of a processor


class LBFGS:
    """An iterator over (image, losses): the start, then each iterate of L-BFGS, until no step lowers the loss.

    A strong Wolfe line search finds each step, usually with one evaluation. Computations are in the type of the image.
    SciPy's L-BFGS computes in float64, which takes as long as a fast evaluation, and its history cannot be saved.

    evaluate: called when an item is requested. image: the start, float [H, W, 3], RGB, 0..255. pairs: the number of
    pairs, of a step and a change of the gradient, in the history. coordinates: the variables to solve for; None: the
    pixels. box: whether images stay within 0..255; steps are projected onto the box, and pixels at a bound stay there
    while descent would move them out of it (Bertsekas 1982). first_change: root mean square of the first trial step,
    on the scale 0..255. resume: the snapshot of another LBFGS, to continue from.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        image: np.ndarray,
        *,
        pairs: int,
        coordinates: Identity | Spectral | None = None,
        box: bool = False,
        first_change: float = 2.0,
        resume: dict[str, np.ndarray] | None = None,
    ):
        self._evaluate, self._image, self._losses, self._gradient = evaluate, image, None, None
        self._coordinates, self._box, self._first_change = coordinates or Identity(), BOX if box else None, first_change
        self._history = History(pairs, image.shape, image.dtype)
        if resume:
            self._history.restore(resume)

    def __iter__(self):
        return self

    def __next__(self):
        if self._losses is None:
            self._losses, self._gradient = self._evaluate(self._image)
            self._slopes = self._coordinates.gradient(self._gradient)
            return self._image, self._losses
        step, point = self._search()
        if point is None and len(self._history):  # without the history, the direction is that of the gradient
            self._history.clear()
            step, point = self._search()
        if point is None:
            raise StopIteration
        length = point.position
        if self._box:  # the step was projected onto the box
            step, length = self._coordinates.from_pixels(point.image - self._image), 1.0
        self._image, self._losses, self._gradient = point.image, point.losses, point.gradient
        before, self._slopes = self._slopes, self._coordinates.gradient(self._gradient)
        self._history.append(step, length, before, self._slopes)
        return self._image, self._losses

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return the history: name -> array, views that are valid until the next item. Works after `close` too."""
        return self._history.snapshot()

    def close(self) -> None:
        """Do nothing; `Adam.close` closes a session."""

    def _search(self):
        """Search along the quasi-Newton direction. Returns (direction in the coordinates, the Point found or None)."""
        slopes = self._slopes
        if self._box:  # pixels at a bound do not move while descent would move them outward
            image, (least, greatest) = self._image, self._box
            free = ~((image <= least) & (self._gradient > 0) | (image >= greatest) & (self._gradient < 0))
            slopes = self._coordinates.gradient(self._gradient * free)
        step = self._history.newton_step(slopes) if len(self._history) else -slopes
        direction = self._coordinates.to_pixels(step)
        if self._box:
            direction *= free
        if not len(self._history):
            norm = _norm(direction)
            if not np.isfinite(norm):
                raise Diverged("the gradient of the loss is not finite")
            scale = direction.dtype.type(self._first_change * np.sqrt(direction.size) / norm if norm else 0)
            direction, step = direction * scale, step * scale
        losses, gradient = self._losses, self._gradient
        return step, line_search(self._evaluate, self._image, losses["total"], gradient, direction, self._box)


def _norm(array):
    """The Euclidean norm of an array, also if squares of its values are too large for its type."""
    largest = float(np.abs(array).max(initial=0))
    if not np.isfinite(largest) or not largest:
        return largest
    return largest * float(np.linalg.norm(array / array.dtype.type(largest)))


class History:
    """The last pairs of a step s and a change of the gradient y, and the inverse Hessian that they define.

    The compact form of Byrd, Nocedal and Schnabel 1994, theorem 2.2. Memory bandwidth limits it: it reads the stored
    rows twice for each step without a box. The two-loop recursion of the textbook takes four times as long.

    pairs: how many it has room for. shape, dtype: of the image.
    """

    def __init__(self, pairs: int, shape: tuple[int, ...], dtype: np.dtype):
        self._arrays = np.empty([2, pairs, int(np.prod(shape))], dtype)  # rows of s, rows of y
        self._products = np.zeros([2, pairs, pairs])  # s_i y_j, y_i y_j
        self._order = []  # the rows in use, the oldest first
        self._latest = None, None  # the gradient after the last step, its products with the rows
        self._chunks = [slice(start, start + CHUNK) for start in range(0, self._arrays.shape[-1], CHUNK)]

    def __len__(self):
        return len(self._order)

    def clear(self) -> None:
        """Forget all pairs."""
        self._order.clear()

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return the pairs, [2, rows, H W 3], their products, [2, rows, rows], and their order, as views."""
        used = max(self._order, default=-1) + 1
        pairs, products = self._arrays[:, :used], self._products[:, :used, :used]
        return {"pairs": pairs, "products": products, "order": np.array(self._order, np.int64)}

    def restore(self, snapshot: dict[str, np.ndarray]) -> None:
        """Replace the pairs by those of a snapshot, which must not have more than this History has room for."""
        used = snapshot["pairs"].shape[1]
        self._arrays[:, :used] = snapshot["pairs"]
        self._products[:, :used, :used] = snapshot["products"]
        self._order = snapshot["order"].tolist()
        self._latest = None, None

    def append(self, direction: np.ndarray, length: float, before: np.ndarray, after: np.ndarray) -> None:
        """Store the step length * direction and the change of the gradient, after - before, if s'y is positive.

        direction, before, after: [H, W, 3]; direction and gradients in the coordinates. If there is no room, the oldest
        pair is dropped, even if the new one is not stored.
        """
        unused = [row for row in range(self._arrays.shape[1]) if row not in self._order]
        row = (unused or self._order)[0]
        step, change = self._arrays[:, row]
        np.multiply(direction.reshape(-1), length, out=step)
        np.subtract(after.reshape(-1), before.reshape(-1), out=change)
        order = [*(other for other in self._order if other != row), row]
        products, of_after = self._times([change, after.reshape(-1)], max(order) + 1)
        if 0 < products[0, row] < np.inf:
            self._order, self._latest = order, (after, of_after)
            self._products[:, : products.shape[1], row] = products
            self._products[1, row, : products.shape[1]] = products[1]
        elif row in self._order:  # the oldest pair, which has been overwritten
            self._order.remove(row)

    @np.errstate(over="ignore", invalid="ignore")
    def newton_step(self, gradient: np.ndarray) -> np.ndarray:
        """Return minus the inverse Hessian times the gradient, [H, W, 3], both in the coordinates.

        The initial inverse Hessian is the identity times s'y / y'y of the last pair. There must be a pair.
        """
        order, used = self._order, max(self._order) + 1
        latest, products = self._latest
        if latest is not gradient:
            (products,) = self._times([gradient.reshape(-1)], used)
        along, across = products[:, order]
        triangle, changes = np.triu(self._products[0][np.ix_(order, order)]), self._products[1][np.ix_(order, order)]
        scale = triangle[-1, -1] / changes[-1, -1]
        bent = solve_triangular(triangle, along, check_finite=False)  # the line search refuses what is not finite
        inner = (np.diag(np.diag(triangle)) + scale * changes) @ bent - scale * across
        weights = np.zeros([2, used], gradient.dtype)
        weights[0, order] = -solve_triangular(triangle, inner, trans="T", check_finite=False)
        weights[1, order] = scale * bent
        step = gradient.reshape(-1) * gradient.dtype.type(-scale)
        for chunk in self._chunks:
            for rows, share in zip(self._arrays, weights, strict=True):
                step[chunk] += share @ rows[:used, chunk]
        return step.reshape(gradient.shape)

    def _times(self, vectors, used):
        """Multiply the first `used` rows of s and of y by each of the vectors: [vectors, 2, used]."""
        results = np.zeros([len(vectors), 2, used])
        with np.errstate(over="ignore", invalid="ignore"):  # `append` and the line search refuse what is not finite
            for chunk in self._chunks:
                for vector, result in zip(vectors, results, strict=True):
                    result += [rows[:used, chunk] @ vector[chunk] for rows in self._arrays]
        return results
