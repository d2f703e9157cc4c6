"""Adam (Kingma and Ba 2015, arXiv:1412.6980): steps from running means of the gradient and of its square."""

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine.session import open_session
from brushwork.optimizers import BOX, Evaluate


class Adam:
    """An endless iterator over (image, losses): the start, then the image after each step of Adam.

    evaluate: called once for each item, when the item is requested. image: the start, float [H, W, 3], RGB, 0..255.
    learning_rate: approximately the change of a pixel in one step, on the scale 0..255. betas, epsilon: as in
    TensorFlow's AdamOptimizer, whose epsilon is the "epsilon hat" of Kingma and Ba 2015, section 2. box: whether the
    image is clipped to 0..255 after each step. resume: the snapshot of another Adam, to continue from.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        image: np.ndarray,
        *,
        learning_rate: float,
        betas: tuple[float, float],
        epsilon: float,
        box: bool = False,
        resume: dict[str, np.ndarray] | None = None,
    ):
        self._evaluate, self._image, self._gradient, self._snapshot = evaluate, image, None, None
        self._before = None  # the moments before the step whose image is being evaluated
        graph = tf.Graph()
        with graph.as_default():
            start, gradient = (tf.placeholder(image.dtype, image.shape) for _ in range(2))
            variable = tf.Variable(start, use_resource=True)
            optimizer = tf.train.AdamOptimizer(learning_rate, *betas, epsilon)
            with tf.control_dependencies([optimizer.apply_gradients([(gradient, variable)])]):
                stepped = variable.read_value()
            if box:
                with tf.control_dependencies([variable.assign(tf.clip_by_value(stepped, *BOX))]):
                    stepped = variable.read_value()
            self._moments = {power.op.name: power for power in optimizer.variables() if not power.shape.rank}
            self._moments["first_moment"] = optimizer.get_slot(variable, "m")
            self._moments["second_moment"] = optimizer.get_slot(variable, "v")
            resumed = {self._moments[name].initial_value: array for name, array in (resume or {}).items()}
            initialize = tf.global_variables_initializer()
        self._session = open_session(graph)
        self._session.run(initialize, {start: image, **resumed})
        self._step = self._session.make_callable(stepped, [gradient])

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is not None:
            self._before = self._session.run(self._moments)
            self._image = self._step(self._gradient)
        losses, self._gradient = self._evaluate(self._image)
        self._before = None
        return self._image, losses

    def snapshot(self) -> dict[str, np.ndarray]:
        """Return the moments, [H, W, 3], and the powers of the betas, scalars, at the last item: name -> array.

        It works after `close` too.

        If the evaluation of the next item fails, the snapshot is still that of the last item.
        """
        return self._snapshot or self._before or self._session.run(self._moments)

    def close(self) -> None:
        """Close the TensorFlow session."""
        self._snapshot = self.snapshot()
        self._session.close()
