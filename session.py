"""The one place where a TensorFlow session is opened, and where its threads are set."""

import tensorflow.compat.v1 as tf


def open_session(graph):
    """A session on `graph`, to be closed by the caller; it is not made the default one."""
    return tf.Session(graph=graph, config=tf.ConfigProto())
