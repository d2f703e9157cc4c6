"""Previews of a content in its styles, and the network that makes them.

    with PreviewNetwork(weights.load()) as network:
        picture = make_preview(network, content, [style], PreviewSettings())

Pictures are float32 [H, W, 3], RGB, 0..255.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork import checks
from brushwork.engine.session import open_session
from brushwork.pictures import colors, sizes
from brushwork.pictures.arrays import check_pictures
from brushwork.pictures.masks import NO_MASKS, Masks
from brushwork.preview import transformer
from brushwork.preview.layers import STYLE_SIDE, predictor_layers
from brushwork.preview.predictor import predict
from brushwork.preview.weights import PreviewWeights
from brushwork.preview_settings import PreviewSettings

if TYPE_CHECKING:
    from brushwork.preview.saved_model import SavedModelNetwork
    from brushwork.preview.store import SavedModel


class Preview(NamedTuple):
    """A preview, as the last step of a run."""

    image: np.ndarray  # [H, W, 3]
    iteration: int = 0
    losses: tuple[()] = ()

    def picture(self) -> np.ndarray:
        """The picture, as stylize.Step has it."""
        return self.image


class PreviewNetwork:
    """The preview network in a session; a context manager.

    Its method `render`, which SavedModelNetwork has too, is a generator that yields None between parts of the work, so
    that a caller can stop it, and returns a picture.
    """

    def __init__(self, weights: PreviewWeights, *, band: int = transformer.BAND):
        """weights: of any channel counts. band: as for transformer.Transformer."""
        graph = tf.Graph()
        with graph.as_default():
            self._weights = {}  # placeholder -> array: initialising as many variables takes a second
            self._style = tf.placeholder(tf.float32, [1, STYLE_SIDE, STYLE_SIDE, 3])
            self._vector = predict(self._style, _placeholders(weights.layers, self._weights))[0]
            self._transformer = transformer.Transformer(weights.layers, band=band)
            self._session = open_session(graph)

    def __enter__(self) -> PreviewNetwork:
        return self

    def __exit__(self, *exception):
        self._session.close()

    def cancel(self) -> None:
        """Do nothing: `render` yields soon."""

    def has_ended(self, seconds: float) -> bool:
        """Return True: nothing runs in another thread."""
        return True

    def vector(self, style: np.ndarray) -> np.ndarray:
        """The style vector, float32 [100], of the middle square of a picture [h, w, 3]."""
        square = sizes.cover(style, STYLE_SIDE, STYLE_SIDE)[np.newaxis] / 255
        return self._session.run(self._vector, {self._style: square} | self._weights)

    def render(self, content: np.ndarray, mix: Sequence[tuple[float, np.ndarray]]) -> Generator[None, None, np.ndarray]:
        """Paint the content in the average of several style vectors. mix: (share, style [h, w, 3]) of each."""
        vector = np.sum([share * self.vector(style) for share, style in mix], axis=0)
        return (yield from self._transformer.run(self._session, content, vector))


def open_network(source: PreviewWeights | SavedModel) -> PreviewNetwork | SavedModelNetwork:
    """Open a network in a session of its own. Raises NetworkError."""
    if isinstance(source, PreviewWeights):
        return PreviewNetwork(source)
    from brushwork.preview.saved_model import SavedModelNetwork

    return SavedModelNetwork(source.directory)


def _placeholders(layers, values):
    """The kernels and biases of the predictor as placeholders; the arrays to feed are added to `values`."""

    def placeholder(array):
        tensor = tf.placeholder(array.dtype, array.shape)
        values[tensor] = array
        return tensor

    used = {name: layers[name] for name in predictor_layers()}
    return {name: tuple(None if each is None else placeholder(each) for each in pair) for name, pair in used.items()}


def make_preview(
    network: PreviewNetwork | SavedModelNetwork,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    settings: PreviewSettings,
    masks: Masks = NO_MASKS,
) -> np.ndarray:
    """Make a preview of a content [H, W, 3] in its styles [h, w, 3]: float32 [H, W, 3], RGB, 0..255.

    masks: only masks.styles is used. Raises ValueError for settings that do not fit the pictures, and DoesNotFit.
    """
    checks.check_preview(settings, content, styles, masks)
    *_, preview = steps(network, content, styles, settings, masks)
    return preview.image


def steps(
    network: PreviewNetwork | SavedModelNetwork,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    settings: PreviewSettings,
    masks: Masks = NO_MASKS,
) -> Iterator[Preview | None]:
    """Make a preview as `make_preview` does, with the same arguments.

    Yields None between parts of the work, and the Preview at the end.
    """
    check_pictures(content, styles)
    checks.check_blend(settings, styles)
    styles = [colors.recolor(style, content, settings) for style in styles]
    shares, strength = settings.blend(len(styles)), settings.instant_strength

    def mix(*parts):
        return [(share, style) for share, style in (*parts, (1 - strength, content)) if share]

    if not masks.styles:
        parts = [(strength * share, style) for share, style in zip(shares, styles, strict=True)]
        image = yield from network.render(content, mix(*parts))
    else:
        image, total = np.zeros_like(content), np.zeros_like(masks.styles[0])
        for share, style, mask in zip(shares, styles, masks.styles, strict=True):
            if share:
                part = yield from network.render(content, mix((strength, style)))
                part *= (share * mask)[:, :, np.newaxis]
                image += part
                total += share * mask
        image = _over(content, image, total, np.minimum(1, np.sum(masks.styles, axis=0)))
    yield Preview(colors.postprocess(image, content, settings))


def _over(content, image, total, cover):
    """Divide `image`, a weighted sum of pictures, by the sum of weights `total`, and put it over the content."""
    cover = np.where(total > 0, cover, 0)[:, :, np.newaxis]
    average = image / np.where(total > 0, total, 1)[:, :, np.newaxis]
    return content + cover * (average - content)
