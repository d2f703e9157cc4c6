"""The transformer: a content picture and a style vector -> the picture, convolution by convolution, band by band.

Most convolutions are followed by a normalisation with the mean and variance over the whole picture, so the network
cannot process tiles independently. Instead, each convolution is computed for the whole picture, in bands of rows,
before the next one begins. Its features, at most 8 numbers per pixel, are kept in memory, and the means and variances
of the bands are merged. The result is that of one piece at any size, without seams.
"""

import itertools
from collections.abc import Generator, Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.preview.layers import CONTRACT, EXPAND, NORMALIZED, RESIDUAL, STRIDE

EPSILON = 1e-5  # added to variances, as in the published network
BLOCK_SIDE = STRIDE  # neighbours in both directions that the last convolution computes at once; see `block_kernel`
BAND = 1 << 24  # numbers that a convolution reads at once; 1024x768 pixels are one band


class Transformer:
    """The stages in the default graph; `run` makes a picture in a session."""

    def __init__(self, layers: dict[str, tuple[np.ndarray, np.ndarray | None]], *, band: int = BAND):
        """layers: name -> (kernel [k, k, in, out], bias [out] or None), of any channel counts that fit.

        band: the numbers that a convolution reads at once.
        """
        self._layers, self._band = layers, band
        after = {*(second for _, second in RESIDUAL), *EXPAND[1:]}  # stages whose input is normalised
        stages = (*CONTRACT, *NORMALIZED)
        self._steps = {stage: _Step(stage, *layers[stage.name], normalized=stage in after) for stage in stages}

    def run(self, session: tf.Session, content: np.ndarray, vector: np.ndarray) -> Generator[None, None, np.ndarray]:
        """Make a picture, float32 [H, W, 3], RGB, 0..255: a generator that yields after each band and returns it.

        content: [H, W, 3], RGB, 0..255, of any size. vector: [100].
        """
        height, width = content.shape[:2]
        net = _pad(content)
        for stage in CONTRACT:
            net, _ = yield from self._convolve(session, stage, net, None)
        for first, second in RESIDUAL:
            inner, moments = yield from self._convolve(session, first, net, None)
            affine = self._affine(first, moments, vector)
            inner, moments = yield from self._convolve(session, second, inner, affine)
            scale, shift = self._affine(second, moments, vector)
            inner *= scale
            inner += shift
            net += inner
        affine = None
        for stage in EXPAND:
            net, moments = yield from self._convolve(session, stage, net, affine)
            affine = self._affine(stage, moments, vector)
        return _sigmoid(net[:height, :width], *affine)

    def _affine(self, stage, moments, vector):
        """(scale, shift), each [C]: scale * features + shift has the mean and variance of the style.

        Conditional instance normalisation, Dumoulin et al. 2017, arXiv:1610.07629, equation 5.
        moments: (mean, variance) of the features, [C] each. vector: [100].
        """
        scale, shift = (_linear(self._layers[f"{stage.name}_{part}"], vector) for part in ("scale", "shift"))
        mean, variance = moments
        scale = scale / np.sqrt(variance + EPSILON)
        return scale.astype(np.float32), (shift - scale * mean).astype(np.float32)

    def _convolve(self, session, stage, net, affine):
        """Compute a stage: (features, (mean, variance) of each channel over the picture). Yields after each band.

        net: [h, w, C]. affine: (scale, shift), [C] each, applied to it before a ReLU; None: it is used as it is.
        """
        step, grown = self._steps[stage], [stage.growth * side for side in net.shape[:2]]
        height, width = (-(-side // stage.stride) for side in grown)
        result = np.empty((height, width, step.channels), np.float32)
        columns = _sources(0, width, stage, grown[1])
        unit = BLOCK_SIDE * net.shape[2] * grown[1] * stage.stride
        edges = [*range(0, height, BLOCK_SIDE * max(1, self._band // unit)), height]
        parts = []
        for top, bottom in itertools.pairwise(edges):
            rows = _sources(top, bottom, stage, grown[0])
            first = rows.min()
            given = {step.net: net[first : rows.max() + 1], step.rows: rows - first, step.columns: columns}
            given |= dict(zip(step.affine, affine or (), strict=True))
            result[top:bottom], *moments = session.run(step.outputs, given)
            parts.append((bottom - top, *moments))
            yield
        return result, merge_moments(parts)


class _Step:
    """One stage in the default graph: placeholders, and the outputs (features, mean, variance)."""

    def __init__(self, stage, kernel, bias, *, normalized):
        """normalized: whether the input is scaled and shifted by `affine` and passes a ReLU first."""
        before, self.channels = kernel.shape[2:]
        blocks = BLOCK_SIDE if stage is EXPAND[-1] else 1
        self.net = tf.placeholder(tf.float32, [None, None, before])
        self.rows, self.columns = (tf.placeholder(tf.int32, [None]) for _ in range(2))
        self.affine = tuple(tf.placeholder(tf.float32, [before]) for _ in range(2)) if normalized else ()
        net = tf.nn.relu(self.net * self.affine[0] + self.affine[1]) if normalized else self.net
        net = tf.gather(tf.gather(net, self.rows, axis=0), self.columns, axis=1)[tf.newaxis]
        net = tf.nn.conv2d(net, block_kernel(kernel, blocks), strides=stage.stride * blocks, padding="VALID")
        net = tf.depth_to_space(net, blocks)[0] if blocks > 1 else net[0]
        net = net if bias is None else tf.nn.relu(net + bias)
        self.outputs = (net, *tf.nn.moments(net, axes=[0, 1]))


def block_kernel(kernel: np.ndarray, blocks: int) -> np.ndarray:
    """A kernel that computes blocks x blocks neighbours at once, as channels for tf.depth_to_space.

    [k, k, in, out] becomes [k + blocks - 1, k + blocks - 1, in, blocks * blocks * out]. The last convolution, which
    has 3 channels, takes 0.4 of the time with 4 x 4 neighbours.
    """
    side, _, before, after = kernel.shape
    result = np.zeros((side + blocks - 1, side + blocks - 1, before, blocks, blocks, after), kernel.dtype)
    for row, column in np.ndindex(blocks, blocks):
        result[row : row + side, column : column + side, :, row, column] = kernel
    return result.reshape(*result.shape[:3], -1)


def _sources(start, stop, stage, length):
    """The rows of a stage's input from which rows start..stop of its output are computed; the same for columns.

    length: rows of the input after upsampling. The border is reflected, as in the published network.
    """
    around = stage.side // 2
    rows = np.arange(start * stage.stride - around, (stop - 1) * stage.stride + around + 1)
    return (reflect(rows, length) // stage.growth).astype(np.int32)


def reflect(positions: Sequence[int] | np.ndarray, length: int) -> np.ndarray:
    """Reflect integer positions into 0..length - 1 without repeating the ends."""
    period = max(1, 2 * (length - 1))
    positions = np.asarray(positions) % period
    return np.minimum(positions, period - positions) if length > 1 else np.zeros_like(positions)


def _pad(content):
    """The content as 0..1, reflected at the bottom and the right to sides that are multiples of STRIDE."""
    rows, columns = (reflect(np.arange(-(-side // STRIDE) * STRIDE), side) for side in content.shape[:2])
    return np.asarray(content, np.float32)[rows[:, np.newaxis], columns] * np.float32(1 / 255)


def _linear(layer, vector):
    """A 1x1 convolution at one position: [C], float64."""
    kernel, bias = layer
    return vector @ kernel[0, 0].astype(np.float64) + bias


def merge_moments(parts: Sequence[tuple[float, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """(mean, variance) of each channel over all parts, float64. parts: (weight, mean [C], variance [C]) of each."""
    weights, means, variances = (np.array(each, np.float64) for each in zip(*parts, strict=True))
    shares = weights / weights.sum()
    mean = shares @ means
    return mean, shares @ (variances + np.square(means - mean))


def _sigmoid(net, scale, shift):
    """255 / (1 + exp(-(scale * net + shift))) by a hyperbolic tangent, which does not overflow. Overwrites net."""
    net *= scale / 2
    net += shift / 2
    np.tanh(net, out=net)
    net += 1
    net *= np.float32(255 / 2)
    return net
