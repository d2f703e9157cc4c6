"""TensorBoard: the losses of every iteration, also layer by layer, the picture now and then, and the graph."""

import io
from contextlib import closing

import numpy as np
import tensorflow.compat.v1 as tf
from PIL import Image

PICTURES_EVERY = 50  # iterations, without --checkpoint-iterations


def boarded(steps, plan, graph, complain):
    """Passes the steps on and writes what TensorBoard shows to plan.tensorboard. What goes wrong here ends no run."""
    every, last = plan.checkpoint_iterations or PICTURES_EVERY, plan.settings.total_iterations
    with closing(steps):
        writer = _writer(plan.tensorboard, graph, complain)
        try:
            for step in steps:
                if writer:
                    writer.add_summary(_scalars(step), step.iteration)
                    if step.iteration % every == 0 or step.iteration == last:
                        writer.add_summary(_picture(plan.finished(step.kept)), step.iteration)
                        writer.flush()
                yield step
        finally:
            if writer:
                writer.close()


def _writer(directory, graph, complain):
    try:
        with tf.Graph().as_default():  # the writer is not for eager TensorFlow
            return tf.summary.FileWriter(directory, graph)
    except (OSError, tf.errors.OpError) as error:
        complain(f"cannot write to {directory}: {getattr(error, 'strerror', None) or error}; going on")
        return None


def _scalars(step):
    """The losses as summaries: total, content, style, tv, and those of layers under content/ and style/."""
    losses = {name if "/" in name else f"loss/{name}": value for name, value in step.losses.items()}
    return tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value) for tag, value in losses.items()])


def _picture(image):
    encoded = io.BytesIO()
    Image.fromarray(np.rint(np.clip(image, 0, 255)).astype(np.uint8)).save(encoded, "PNG")
    height, width = image.shape[:2]
    shown = tf.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded.getvalue())
    return tf.Summary(value=[tf.Summary.Value(tag="picture", image=shown)])
