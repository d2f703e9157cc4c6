"""TensorBoard: the losses of every iteration, total and layer by layer, the picture now and then, and the graph."""

import io
from contextlib import closing

import tensorflow.compat.v1 as tf
from PIL import Image

from brushwork.messages import logger
from brushwork.pictures import write
from brushwork.watch import Steps
from brushwork.watch.report import due

PICTURES_EVERY = 50  # iterations, unless checkpoints are written at others


def write_events(steps: Steps, directory: str, graph: tf.Graph | None, *, every: int, last: int) -> Steps:
    """Passes the steps on and writes them to a directory for TensorBoard.

    graph: shown beside them. every: the picture is written at its multiples and at the last iteration.
    If the directory cannot be written to, an error is logged and the steps are passed on.
    """
    with closing(steps):
        try:
            with tf.Graph().as_default():  # FileWriter cannot be made in eager mode
                writer = tf.summary.FileWriter(directory, graph)
        except (OSError, tf.errors.OpError) as error:
            logger.error(f"cannot write to {directory}: {getattr(error, 'strerror', None) or error}; going on")
            yield from steps
            return
        with closing(writer):
            for step in steps:
                # The losses of the terms are shown under loss/, those of the layers under the name of their term.
                tags = {name: name if "/" in name else f"loss/{name}" for name in step.losses}
                values = [tf.Summary.Value(tag=tags[name], simple_value=loss) for name, loss in step.losses.items()]
                if with_picture := due(step.iteration, every, last):
                    values.append(tf.Summary.Value(tag="picture", image=_summary(step.picture())))
                writer.add_summary(tf.Summary(value=values), step.iteration)
                if with_picture:
                    writer.flush()
                yield step


def _summary(image):
    png, (height, width) = io.BytesIO(), image.shape[:2]
    Image.fromarray(write.quantize(image)).save(png, "PNG")
    return tf.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png.getvalue())
