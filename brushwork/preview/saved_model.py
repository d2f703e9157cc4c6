"""A trained network as a SavedModel of TensorFlow: two pictures in, one picture out, all [1, H, W, 3], RGB, 0..1.

This is the signature of the module arbitrary-image-stylization-v1-256 of TF-Hub (Ghiasi et al. 2017). Such a network
gives no style vector, so several styles are blended by averaging pictures.
"""

from collections.abc import Generator, Sequence

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.saved_model import loader_impl

from brushwork.engine.session import Cancellable, open_session
from brushwork.errors import DoesNotFit, NetworkError
from brushwork.pictures import sizes
from brushwork.preview import permissions
from brushwork.preview.layers import STRIDE, STYLE_SIDE
from brushwork.preview.transformer import reflect

TAGS = (["serve"], [])  # of TensorFlow 2, and of the modules of TF-Hub before it
SIGNATURES = "serving_default", "default"


class SavedModelNetwork:
    """A SavedModel in a session; a context manager with the method `render`, like network.PreviewNetwork."""

    def __init__(self, directory: str):
        """Load a SavedModel. Raises NetworkError if the directory has none with such a signature."""
        graph = tf.Graph()
        session = open_session(graph)
        self._session = Cancellable(session)
        try:
            with graph.as_default():
                self._content, self._style, self._output = _tensors(_load(session, directory), graph)
        except Exception as error:  # TensorFlow raises many types for a damaged model
            self._session.close()
            reason = str(error) if isinstance(error, NetworkError) else f"damaged ({type(error).__name__})"
            raise NetworkError(f"cannot use the network {directory}: {reason}") from error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def cancel(self) -> None:
        """Make the computation that another thread waits for raise Interrupted, and every later one."""
        self._session.cancel()

    def has_ended(self, seconds: float) -> bool:
        """Whether a cancelled computation has ended, after so many seconds at most."""
        return self._session.has_ended(seconds)

    def render(self, content: np.ndarray, mix: Sequence[tuple[float, np.ndarray]]) -> Generator[None, None, np.ndarray]:
        """Average the pictures of the content in several styles. mix: (share, style [h, w, 3]) of each."""
        image = np.zeros(content.shape, np.float32)
        for share, style in mix:
            image += share * self._picture(content, sizes.cover(style, STYLE_SIDE, STYLE_SIDE))
            yield
        return image

    def _picture(self, content, style):
        height, width = content.shape[:2]
        rows, columns = (reflect(np.arange(-(-side // STRIDE) * STRIDE), side) for side in (height, width))
        given = {
            self._content: content[rows[:, np.newaxis], columns][np.newaxis] / 255,
            self._style: style[np.newaxis] / 255,
        }
        try:
            output = self._session.run(self._output, given)
        except (MemoryError, tf.errors.ResourceExhaustedError) as error:
            smaller = "give a smaller --width, or leave out --instant-network: the included network takes any size"
            raise DoesNotFit(f"out of memory at {width}x{height} pixels; {smaller}") from error
        except tf.errors.OpError as error:
            raise NetworkError(f"the network of --instant-network failed: {_first_line(error)}") from error
        if output.ndim != 4 or output.shape[3] != 3 or output.shape[1] < height or output.shape[2] < width:
            raise NetworkError(
                f"the network of --instant-network gives {list(output.shape)} for {width}x{height} pixels"
            )
        if not np.isfinite(output).all():
            raise NetworkError("the network of --instant-network gives values that are not finite")
        return 255 * np.clip(output[0, :height, :width], 0, 1)


def _first_line(error):
    return (error.message.splitlines() or [type(error).__name__])[0]


def _load(session, directory):
    """Load the SavedModel in a directory into the session; returns its signatures, name -> SignatureDef."""
    for graph in loader_impl.parse_saved_model(str(directory)).meta_graphs:
        if sorted(graph.meta_info_def.tags) in TAGS:
            permissions.check(graph, SIGNATURES)
    for tags in TAGS:
        try:
            return dict(tf.saved_model.load(session, tags, str(directory)).signature_def)
        except RuntimeError:  # it has no graph with these tags
            continue
    raise NetworkError("a SavedModel without a part that can be run (tag serve)")


def _tensors(signatures, graph):
    """The tensors (content, style, output) of the signature. Raises NetworkError."""
    name = next((each for each in SIGNATURES if each in signatures), None)
    if name is None:
        raise NetworkError(f"it has no signature named {' or '.join(SIGNATURES)}")
    inputs, outputs = (dict(getattr(signatures[name], kind)) for kind in ("inputs", "outputs"))
    if len(inputs) != 2 or len(outputs) != 1:
        counts = f"{len(inputs)} inputs and {len(outputs)} outputs"
        raise NetworkError(f"it has {counts}; it should take two pictures, content and style, and give one")
    style = next((each for each in inputs if "style" in each.lower()), max(inputs))  # placeholder, placeholder_1
    content = next(each for each in inputs if each != style)
    infos = inputs[content], inputs[style], *outputs.values()
    tensors = [graph.get_tensor_by_name(info.name) for info in infos]
    for tensor in tensors:
        shape = tensor.shape.as_list() if tensor.shape.rank is not None else None
        if tensor.dtype != tf.float32 or (shape and (len(shape) != 4 or shape[3] not in (3, None))):
            is_shape = f"{tensor.dtype.name} {shape}"
            raise NetworkError(f"a picture in its signature is {is_shape}; it should be float32 [1, H, W, 3]")
    return tensors
