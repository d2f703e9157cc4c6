"""TensorBoard: the losses of every iteration, total and layer by layer, the picture now and then, and the graph."""

import io
import os
from contextlib import closing, contextmanager

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
    If the directory cannot be written to, now or later, an error is logged and the steps are passed on.
    """
    with closing(steps):
        writer = _Writer(directory, graph)
        with closing(writer):
            for step in steps:
                writer.write(step, with_picture=due(step.iteration, every, last))
                yield step


class _Writer:
    """Writes events until that fails, with an exception of any type, which may be of a thread of TensorFlow's."""

    def __init__(self, directory, graph):
        self._directory, self._writer = directory, None
        with self._until_it_fails(), tf.Graph().as_default():  # FileWriter cannot be made in eager mode
            os.fsencode(directory).decode()  # TensorFlow wants UTF-8
            self._writer = tf.summary.FileWriter(directory, graph)

    def write(self, step, *, with_picture):
        """Write the losses of a step, and its picture."""
        if self._writer is None:
            return
        # The losses of the terms are shown under loss/, those of the layers under the name of their term.
        tags = {name: name if "/" in name else f"loss/{name}" for name in step.losses}
        values = [tf.Summary.Value(tag=tags[name], simple_value=loss) for name, loss in step.losses.items()]
        if with_picture:
            values.append(tf.Summary.Value(tag="picture", image=_summary(step.picture())))
        with self._until_it_fails():
            self._writer.add_summary(tf.Summary(value=values), step.iteration)
            if with_picture:
                self._writer.flush()

    def close(self):
        """Write what is left."""
        if self._writer is not None:
            with self._until_it_fails():
                self._writer.close()

    @contextmanager
    def _until_it_fails(self):
        try:
            yield
        except Exception as error:
            self._writer = None
            reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
            logger.error(f"cannot write to {self._directory}: {reason}; going on")


def _summary(image):
    png, (height, width) = io.BytesIO(), image.shape[:2]
    Image.fromarray(write.quantize(image)).save(png, "PNG")
    return tf.Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png.getvalue())
