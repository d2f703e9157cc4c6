"""The instant picture of a content and its styles: `painted`, and the included network that makes it.

    with PreviewNetwork(weights.load()) as painter:
        picture = painted(painter, content, [style], PreviewSettings())

Pictures are float32 [H, W, 3], RGB, 0..255.
"""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork import checks
from brushwork.engine.session import open_session
from brushwork.pictures import colors, sizes
from brushwork.pictures.arrays import check_pictures
from brushwork.pictures.masks import NO_MASKS
from brushwork.preview import transformer
from brushwork.preview.layers import STYLE_SIDE, predictor_layers
from brushwork.preview.predictor import predict


class Result(NamedTuple):
    """An instant picture, as the last step of a run."""

    image: np.ndarray  # [H, W, 3]
    iteration: int = 0
    losses: tuple = ()

    def picture(self):
        return self.image


class PreviewNetwork:
    """The included network in a session: a context manager.

    Its method `mixed`, which SavedModelNetwork has too, is a generator: it yields now and then, so that a caller can
    stop half way, and returns a picture.
    """

    def __init__(self, network, *, band=transformer.BAND):
        """network: weights.Network, of any channel counts. band: as for transformer.Transformer."""
        graph = tf.Graph()
        with graph.as_default():
            self._weights = {}  # placeholder -> array: initialising as many variables takes a second
            self._style = tf.placeholder(tf.float32, [1, STYLE_SIDE, STYLE_SIDE, 3])
            self._vector = predict(self._style, _placeholders(network.layers, self._weights))[0]
            self._transformer = transformer.Transformer(network.layers, band=band)
            self._session = open_session(graph)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def vector(self, style):
        """The style vector, float32 [100], of the middle square of a picture [h, w, 3]."""
        square = sizes.cover(style, STYLE_SIDE, STYLE_SIDE)[np.newaxis] / 255
        return self._session.run(self._vector, {self._style: square} | self._weights)

    def mixed(self, content, mix):
        """The content painted in a mix of styles: their vectors are averaged. mix: [(share, style [h, w, 3])]."""
        vector = np.sum([share * self.vector(style) for share, style in mix], axis=0)
        return (yield from self._transformer.run(self._session, content, vector))


def opened(network):
    """The painter of a weights.Network or of a store.SavedModel. Raises NetworkError."""
    if hasattr(network, "layers"):
        return PreviewNetwork(network)
    from brushwork.preview import saved_model

    return saved_model.SavedModelNetwork(network.directory)


def _placeholders(layers, values):
    """The kernels and biases of the predictor as placeholders; what to feed for them is added to `values`."""

    def placeholder(array):
        tensor = tf.placeholder(array.dtype, array.shape)
        values[tensor] = array
        return tensor

    used = {name: layers[name] for name in predictor_layers()}
    return {name: tuple(None if each is None else placeholder(each) for each in pair) for name, pair in used.items()}


def painted(painter, content, styles, settings, masks=NO_MASKS):
    """The content [H, W, 3] in its styles, in the colours of settings.colors, float32 [H, W, 3], RGB, 0..255.

    painter: a PreviewNetwork or a SavedModelNetwork. styles: a sequence of [h, w, 3]. settings: those named in the
    documentation of --instant are used. masks: only masks.styles is used.
    Raises ValueError for a setting that cannot be honoured, and DoesNotFit.
    """
    *_, result = steps(painter, content, styles, settings, masks)
    return result.image


def steps(painter, content, styles, settings, masks=NO_MASKS):
    """`painted` as a generator: it yields None now and then, and at last the Result."""
    check_pictures(content, styles)
    checks.check_blend(settings, styles)
    styles = [colors.recolor(style, content, settings) for style in styles]
    shares, strength = settings.blend(len(styles)), settings.instant_strength

    def mix(*parts):
        return [(share, style) for share, style in (*parts, (1 - strength, content)) if share]

    if not masks.styles:
        parts = [(strength * share, style) for share, style in zip(shares, styles, strict=True)]
        image = yield from painter.mixed(content, mix(*parts))
    else:
        image, total = np.zeros_like(content), np.zeros_like(masks.styles[0])
        for share, style, mask in zip(shares, styles, masks.styles, strict=True):
            if share:
                part = yield from painter.mixed(content, mix((strength, style)))
                part *= (share * mask)[:, :, np.newaxis]
                image += part
                total += share * mask
        image = _over(content, image, total, np.minimum(1, np.sum(masks.styles, axis=0)))
    yield Result(colors.postprocess(image, content, settings))


def _over(content, image, total, cover):
    """`image`, a sum of pictures times weights that sum to `total`, averaged, and over the content by its cover."""
    cover = np.where(total > 0, cover, 0)[:, :, np.newaxis]
    average = image / np.where(total > 0, total, 1)[:, :, np.newaxis]
    return content + cover * (average - content)
