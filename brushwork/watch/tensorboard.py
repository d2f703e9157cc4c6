"""TensorBoard: the losses of every iteration, total and layer by layer, the picture now and then, and the graph."""

import io
from contextlib import closing

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

from brushwork.watch.report import due

PICTURES_EVERY = 50  # iterations, unless checkpoints are written at others


def watched(steps, directory, graph, *, every, last, complain):
    """Passes the steps on and writes them to a directory for TensorBoard.

    graph: the tf.Graph to show. every: the picture is written if the iteration is a multiple or the last. complain:
    called with one sentence if the directory cannot be written to.
    """
    with closing(steps):
        writer = _writer(directory, graph, complain)
        try:
            for step in steps:
                if writer:
                    writer.add_summary(_scalars(step.losses), step.iteration)
                    if due(step.iteration, every, last):
                        writer.add_summary(_picture(step.picture()), step.iteration)
                        writer.flush()
                yield step
        finally:
            if writer:
                writer.close()


def _writer(directory, graph, complain):
    try:
        with tf.Graph().as_default():  # FileWriter cannot be made in eager mode
            return tf.summary.FileWriter(directory, graph)
    except (OSError, tf.errors.OpError) as error:
        complain(f"cannot write to {directory}: {getattr(error, 'strerror', None) or error}; going on")
        return None


def _scalars(losses):
    """The losses as a summary: the sums under loss/, those of the layers under content/ and style/."""
    losses = {name if "/" in name else f"loss/{name}": value for name, value in losses.items()}
    return tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value) for tag, value in losses.items()])


def _picture(image):
    encoded = io.BytesIO()
    Image.fromarray(np.rint(np.clip(image, 0, 255)).astype(np.uint8)).save(encoded, "PNG")
    height, width = image.shape[:2]
    shown = tf.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue())
    return tf.Summary(value=[tf.Summary.Value(tag="picture", image=shown)])
