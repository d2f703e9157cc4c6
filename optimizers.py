"""Optimisers: from `evaluate` and a first image to an endless sequence of images and their losses.

evaluate(image) -> (losses, gradient): image and gradient are arrays [H, W, 3] of float32, losses a dictionary whose
"total" is what the gradient belongs to. Each item costs one evaluation, made when the item is asked for.
"""

from contextlib import closing

import tensorflow.compat.v1 as tf

from session import open_session


def adam(evaluate, image, *, learning_rate, beta1, beta2, epsilon):
    """Yields (image, losses), the first of them `image` itself, along the path of Adam (Kingma and Ba 2015).

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
