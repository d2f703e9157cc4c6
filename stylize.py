"""The method: the loss of Gatys, Ecker and Bethge 2015 and the pictures on the way to its minimum.

`Objective` is the loss as a function of the picture, one TensorFlow graph and its session; `stylize` is a generator of
`Step`s that lowers it. Pictures are float32 [H, W, 3], RGB, 0..255; there are no files here.
"""

from contextlib import closing
from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

import optimizers
import vgg
from session import chosen_precision, open_session
from settings import Settings

__all__ = ["Diverged", "Objective", "Settings", "Step", "stylize"]

SPECTRAL_EXPONENT = 0.35  # of the preconditioner of L-BFGS: flat from 0.3 to 0.5, worse beyond
NOISE = 0.256  # standard deviation of the noise start around the mean pixel, on the scale of 0..255


class Step(NamedTuple):
    """One iteration: `losses` are those of `image`, and `kept` is what the run would give if it ended here."""

    iteration: int  # 0 is the start
    image: np.ndarray  # [H, W, 3], RGB, not confined to 0..255
    losses: dict[str, float]  # "content", "style", "tv" and "total", their sum
    kept: np.ndarray  # the image of lowest total so far, or this one, as settings.keep says


class Diverged(Exception):
    """The loss is no longer a finite number."""


def stylize(objective, content, styles, settings, *, initial=None):
    """Yields a Step for the start and one for each of `settings.iterations` iterations, or until none lowers the loss.

    content, initial: [H, W, 3], of equal size; styles: a sequence of [h, w, 3], each of its own size.
    Raises Diverged as soon as the loss is not finite; the step before holds the last good picture.
    """
    objective.aim(content, styles)
    start = start_image(content, initial, objective.mean_pixel, settings)
    iterates = _OPTIMIZERS[settings.optimizer](objective.evaluate, start, settings)
    kept, lowest = start, np.inf
    with closing(iterates):
        for iteration, (image, losses) in enumerate(islice(iterates, settings.iterations + 1)):
            if not np.isfinite(losses["total"]):
                raise Diverged(f"the loss is not finite at iteration {iteration}")
            if settings.keep == "last" or losses["total"] < lowest:
                kept, lowest = image, losses["total"]
            yield Step(iteration, image, losses, kept)


def _adam(evaluate, start, settings):
    names = ("learning_rate", "beta1", "beta2", "epsilon")
    return optimizers.adam(evaluate, start, **{name: getattr(settings, name) for name in names})


def _lbfgs(evaluate, start, settings):
    precondition = optimizers.spectral(start.shape, SPECTRAL_EXPONENT)
    return optimizers.lbfgs(evaluate, start, memory=settings.lbfgs_memory, precondition=precondition)


_OPTIMIZERS = {"adam": _adam, "lbfgs": _lbfgs}


def start_image(content, initial, mean_pixel, settings):
    """The first image: `initial`, or noise around the mean pixel, or the share r of it, (1 - r) initial + r noise.

    A share below one without `initial` blends the content with noise.
    """
    share = settings.initial_noiseblend
    if share is None:
        share = 1.0 if initial is None else 0.0
    base = (content if initial is None else initial) - mean_pixel
    noise = np.random.default_rng(settings.seed).normal(0, NOISE, content.shape)
    return ((1 - share) * base + share * noise + mean_pixel).astype(content.dtype)


def content_loss(features, target):
    """mean((F - P)^2): equation 1 of Gatys et al. 2015, with the mean for half the sum. Tensors [1, h, w, C]."""
    return mean_square(features - target)


def style_loss(gram_matrix, target):
    """mean((G - A)^2): equation 4 of Gatys et al. 2015, with the Gram matrices normalised. Tensors [C, C]."""
    return mean_square(gram_matrix - target)


def mean_square(tensor):
    return 2 * tf.nn.l2_loss(tensor) / tf.cast(tf.size(tensor), tensor.dtype)


@tf.custom_gradient
def gram(features):
    """G = F'F / (h w C) for features [1, h, w, C] taken as F [h w, C]: equation 3 of Gatys et al. 2015, normalised.

    Its gradient is F (D + D') / (h w C) with D that of G: one product, where automatic differentiation makes two.
    G is float32 for features of bfloat16.
    """
    positions = tf.reshape(features, [-1, features.shape[-1]])
    exact = tf.float32 if features.dtype == tf.bfloat16 else features.dtype
    size = tf.cast(tf.size(features), exact)

    def gradient(upstream):
        symmetric = tf.cast((upstream + tf.transpose(upstream)) / size, features.dtype)
        return tf.reshape(tf.matmul(positions, symmetric), tf.shape(features))

    return tf.cast(tf.matmul(positions, positions, transpose_a=True), exact) / size, gradient


def total_variation(image):
    """(mean(dy^2) + mean(dx^2), its gradient) over the first differences of an array [H, W, 3]; an empty mean is 0.

    In NumPy: the gradient of a slice costs TensorFlow ten times as much.
    """
    loss, gradient = 0.0, np.zeros_like(image)
    for axis in (0, 1):
        difference = np.diff(image, axis=axis)
        if difference.size:
            loss += float(np.vdot(difference, difference)) / difference.size
            difference *= 2 / difference.size
            along = np.moveaxis(gradient, axis, 0)  # a view
            along[1:] += np.moveaxis(difference, axis, 0)
            along[:-1] -= np.moveaxis(difference, axis, 0)
    return loss, gradient


class Objective:
    """The loss of a picture and its gradient: evaluate(image) -> (losses, gradient), once `aim` has set the targets.

    One graph and one session serve content, styles and picture, so that a target and the value held against it are the
    same statistic. The type of the network's kernels is the type of the arithmetic. A context manager.
    """

    def __init__(self, network, settings):
        """network: vgg.Network. Raises KeyError where it lacks a layer that the settings use."""
        self.settings = settings
        self.mean_pixel = network.mean_pixel
        self.precision = chosen_precision(settings.precision)
        graph = tf.Graph()
        with graph.as_default():
            convolutions, weights = vgg.variables(network, tf.bfloat16 if self.precision == "bfloat16" else None)
            image = tf.placeholder(network.mean_pixel.dtype, [None, None, 3])
            features, grams = self._statistics(image, convolutions)
            targets = {layer: tf.placeholder(value.dtype, value.shape) for layer, value in features.items()}
            gram_targets = {layer: tf.placeholder(value.dtype, value.shape) for layer, value in grams.items()}
            losses = self._losses(features, targets, grams, gram_targets)
            gradient = tf.gradients(losses, image, unconnected_gradients="zero")[0]
            initialize = tf.global_variables_initializer()
        self._session = open_session(graph)
        self._session.run(initialize, weights)
        self._measure = self._session.make_callable([features, grams], [image])
        self._differentiate = self._session.make_callable(
            [losses, gradient], [image, *targets.values(), *gram_targets.values()]
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def aim(self, content, styles):
        """Set the targets: features of `content` [H, W, 3], and the blended Gram matrices of `styles`, each [h, w, 3].

        Since the blend weights b sum to one, sum_i b_i mean((G - A_i)^2) = mean((G - A)^2) + constant with the blend
        A = sum_i b_i A_i: any number of styles costs as much as one, and the constant keeps the loss what it was.
        """
        weights = self.settings.style_layers
        blended = dict.fromkeys(weights, 0.0)
        constant = 0.0
        for share, style in zip(self.settings.blend(len(styles)), styles, strict=True):
            for layer, gram_target in self._measure(style)[1].items():
                gram_target = gram_target.astype(np.float64)
                blended[layer] = blended[layer] + share * gram_target
                constant += share * weights[layer] * np.mean(gram_target**2)
        constant -= sum(weights[layer] * np.mean(blended[layer] ** 2) for layer in weights)
        self._style_constant = float(constant)
        features = self._measure(content)[0]
        self._targets = [*features.values(), *blended.values()]

    def evaluate(self, image):
        """The losses of `image` [H, W, 3] ("content", "style", "tv", "total") and the gradient of their total."""
        (content, style), gradient = self._differentiate(image, *self._targets)
        variation, variation_gradient = total_variation(image)
        losses = {
            "content": float(content),
            "style": float(style) + self._style_constant,
            "tv": self.settings.tv_weight * variation,
        }
        losses["total"] = sum(losses.values())
        return losses, gradient + self.settings.tv_weight * variation_gradient

    def _statistics(self, image, convolutions):
        """What the losses compare: content layer -> features [1, h, w, C], style layer -> Gram matrix [C, C]."""
        content_layers, style_layers = self.settings.content_layers, self.settings.style_layers
        net = vgg.build(
            tf.cast(image - self.mean_pixel, convolutions["conv1_1"][0].dtype)[tf.newaxis],  # [1, H, W, 3]
            convolutions,
            layers={*content_layers, *style_layers},
            pooling=self.settings.pooling,
        )
        features = {layer: tf.cast(net[layer], image.dtype) for layer in content_layers}
        return features, {layer: gram(net[layer]) for layer in style_layers}

    def _losses(self, features, targets, grams, gram_targets):
        """The weighted sums over the layers: (content, style without the constant of `aim`)."""
        content = sum(
            weight * content_loss(features[layer], targets[layer])
            for layer, weight in self.settings.content_layers.items()
        )
        style = sum(
            weight * style_loss(grams[layer], gram_targets[layer])
            for layer, weight in self.settings.style_layers.items()
        )
        dtype = self.mean_pixel.dtype  # of a sum over no layers
        return tf.convert_to_tensor(content, dtype), tf.convert_to_tensor(style, dtype)
