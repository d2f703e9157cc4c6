"""Autotuning: which of two ways to compute the same is faster on this machine, found out by timing both.

It depends on TensorFlow's kernels for the processor, and so on its version, its options and where it was built.
"""

import time
from collections.abc import Callable, Sequence

import tensorflow.compat.v1 as tf

ROUNDS = 4
MARGIN = 1.4  # the other way must be so many times as fast; near ties would be decided differently in each run


def is_faster(
    other: Callable[[tf.Tensor], tf.Tensor], usual: Callable[[tf.Tensor], tf.Tensor], shape: Sequence[int]
) -> bool:
    """Whether `other` is clearly faster than `usual`: functions of a tensor of this shape, float32, positive numbers.

    What is timed is a function's value and gradient, as in an evaluation. It takes 0.1 s. Always False on a GPU.
    """
    if tf.config.list_physical_devices("GPU"):
        return False
    with tf.Graph().as_default() as graph:
        given = tf.Variable(tf.random_uniform(shape, seed=0), trainable=False, use_resource=True)
        features = given.read_value()
        results = [way(features) for way in (other, usual)]
        # A derivative that does not depend on the features would be computed once, not in each run.
        runs = [tf.gradients(tf.nn.l2_loss(result), features)[0].op for result in results]
        with tf.Session(graph=graph, config=tf.ConfigProto(inter_op_parallelism_threads=1)) as session:
            session.run(tf.global_variables_initializer())
            seconds = [[_seconds(session, run) for run in runs] for _ in range(ROUNDS)]
    others, usuals = zip(*seconds[1:], strict=True)  # the first round warms up
    return MARGIN * min(others) < min(usuals)


def _seconds(session, run):
    start = time.perf_counter()
    session.run(run)
    return time.perf_counter() - start
