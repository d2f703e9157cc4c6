"""Adam: descent along a running mean of gradients, divided by the root of the running mean of their squares."""

import tensorflow.compat.v1 as tf

from brushwork.engine.session import open_session
from brushwork.optimizers.box import BOX


class Adam:
    """An endless iterator over (image, losses): the start, then the image after each step of Adam.

    The steps are those of TensorFlow's AdamOptimizer (Kingma and Ba 2015); its epsilon is the "epsilon hat" of the
    paper's section 2.

    evaluate: image -> (losses, gradient), called once for each item, when the item is asked for.
    image: the start, [H, W, 3], RGB, 0..255.
    learning_rate: approximately the change of a pixel in one step, on the scale of 0..255.
    box: whether the image is clipped to 0..255 after each step.
    resume: the snapshot of another Adam, to continue from.
    """

    def __init__(self, evaluate, image, *, learning_rate, beta1, beta2, epsilon, box=False, resume=None):
        self._evaluate, self._image, self._gradient, self._snapshot = evaluate, image, None, None
        graph = tf.Graph()
        with graph.as_default():
            start, gradient = (tf.placeholder(image.dtype, image.shape) for _ in range(2))
            variable = tf.Variable(start, use_resource=True)
            optimizer = tf.train.AdamOptimizer(learning_rate, beta1, beta2, epsilon)
            with tf.control_dependencies([optimizer.apply_gradients([(gradient, variable)])]):
                stepped = variable.read_value()
            if box:
                with tf.control_dependencies([variable.assign(tf.clip_by_value(stepped, *BOX))]):
                    stepped = variable.read_value()
            powers = {power.op.name: power for power in optimizer.variables() if not power.shape.rank}
            slots = {"first_moment": "m", "second_moment": "v"}
            self._moments = powers | {name: optimizer.get_slot(variable, slot) for name, slot in slots.items()}
            saved = {name: tf.placeholder(moment.dtype, moment.shape) for name, moment in self._moments.items()}
            restore = [moment.assign(saved[name]) for name, moment in self._moments.items()]
            initialize = tf.global_variables_initializer()
        self._session = open_session(graph)
        self._session.run(initialize, {start: image})
        if resume:
            self._session.run(restore, {saved[name]: array for name, array in resume.items()})
        self._step = self._session.make_callable(stepped, [gradient])

    def __iter__(self):
        return self

    def __next__(self):
        if self._gradient is not None:
            self._image = self._step(self._gradient)
        losses, self._gradient = self._evaluate(self._image)
        return self._image, losses

    def snapshot(self):
        """The moments and the powers of beta1 and beta2: name -> array. Also available after `close`."""
        return self._snapshot or self._session.run(self._moments)

    def close(self):
        self._snapshot = self.snapshot()
        self._session.close()
