"""The objective: the loss of a picture and its gradient, in one TensorFlow graph and one session."""

import numpy as np
import tensorflow.compat.v1 as tf

import tiles
import vgg
from layers import stride
from losses import VARIATIONS, gram_sum, squared_error, style_gradient, style_loss
from memory import DoesNotFit, tile_size_for
from session import chosen_precision, open_session
from settings import TILE_GRID

SMALLEST_TILE = 64  # px; around a smaller one there would be little but margin


class Objective:
    """The loss of a picture and its gradient: evaluate(image) -> (losses, gradient), once `aim` has set the targets.

    Content, styles and picture go through the same graph, so that a target and the value held against it are the same
    statistic. The type of the network's kernels is the type of the arithmetic. A context manager.

    A picture larger than a tile is evaluated in two sweeps. The first adds up the tiles' Gram sums; how the loss
    changes with them depends on the whole picture. With that known, the second adds up the tiles' gradients.
    """

    def __init__(self, network, settings):
        """network: vgg.Network. Raises KeyError where it lacks a layer that the settings use."""
        self.settings = settings
        self.mean_pixel = network.mean_pixel
        self.precision = chosen_precision(settings.precision)
        self.tile_size = None  # px; None: in one piece
        self._network = network
        self._margin = tiles.margin([*settings.content_terms, *settings.style_terms])
        graph = tf.Graph()
        with graph.as_default():
            convolutions, weights = vgg.variables(network, tf.bfloat16 if self.precision == "bfloat16" else None)
            self._session = open_session(graph)
            self._build(convolutions)
            self._session.run(tf.global_variables_initializer(), weights)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def _build(self, convolutions):
        """The graph, and what is called of it: for a whole picture, and for a tile of which only the core counts."""
        image = tf.placeholder(self.mean_pixel.dtype, [None, None, 3])
        core = tf.placeholder(tf.int32, [4])
        net = vgg.build(
            tf.cast(image - self.mean_pixel, convolutions["conv1_1"][0].dtype)[tf.newaxis],  # [1, H, W, 3]
            convolutions,
            layers={*self.settings.content_terms, *self.settings.style_terms},
            pooling=self.settings.pooling,
        )
        net = {layer: tf.squeeze(features, 0) for layer, features in net.items()}  # [h, w, C]
        self._channels = {layer: int(features.shape[-1]) for layer, features in net.items()}
        self._style_weights = [
            weight * self._style_factor(self._channels[layer]) for layer, weight in self.settings.style_terms.items()
        ]
        cores = {layer: _core(features, core, stride(layer)) for layer, features in net.items()}
        targets = [tf.placeholder(net[layer].dtype, net[layer].shape) for layer in self.settings.content_terms]
        content_pulls = [tf.placeholder(image.dtype, []) for _ in targets]
        call = self._session.make_callable

        grams, errors = self._sums(net, targets)
        blends = [tf.placeholder(gram.dtype, gram.shape) for gram in grams]
        sizes = [tf.placeholder(gram.dtype, []) for gram in grams]
        pulls = map(_pull, self._style_weights, grams, sizes, blends)
        gradient = _gradient([*grams, *errors], image, [*pulls, *content_pulls])
        self._evaluate_whole = call([grams, errors, gradient], [image, *targets, *content_pulls, *blends, *sizes])

        grams, errors = self._sums(cores, targets)
        pulls = [tf.placeholder(gram.dtype, gram.shape) for gram in grams]
        gradient = _gradient([*grams, *errors], image, [*pulls, *content_pulls])
        self._measure = call([[cores[layer] for layer in self.settings.content_terms], grams], [image, core])
        self._add_up = call(grams, [image, core])
        self._pull_back = call([errors, gradient], [image, core, *targets, *content_pulls, *pulls])

    def _sums(self, net, targets):
        """(the Gram sum of each style layer, the squared error of each content layer)."""
        grams = [gram_sum(net[layer]) for layer in self.settings.style_terms]
        layers = self.settings.content_terms
        return grams, [squared_error(net[layer], target) for layer, target in zip(layers, targets, strict=True)]

    def _style_factor(self, channels):
        """What the normalization makes of mean((G - A)^2), G = F'F / (h w C)."""
        return {"classic": 1, "positions": channels**2, "sums": channels**2 / 4}[self.settings.normalization]

    def aim(self, content, styles):
        """Set the targets: features of `content` [H, W, 3], and the blended Gram matrices of `styles`, each [h, w, 3].

        Since the blend weights b sum to one, sum_i b_i mean((G - A_i)^2) = mean((G - A)^2) + constant with the blend
        A = sum_i b_i A_i: any number of styles costs as much as one, and the constant keeps the loss what it was.
        Raises memory.DoesNotFit.
        """
        sizes = [picture.shape[:2] for picture in (content, *styles)]
        self.tile_size = tile_size_for(self._network, self.settings, self.precision, sizes[0], sizes[1:])
        self._in_smaller_tiles_if_need_be(self._aim, content, styles)

    def _aim(self, content, styles):
        weights = self._style_weights
        blends, constant = [0.0] * len(weights), 0.0
        for share, style in zip(self.settings.blend(len(styles)), styles, strict=True):
            grams = self._grams(style)
            blends = [blend + share * gram for blend, gram in zip(blends, grams, strict=True)]
            constant += share * _weighted_mean_squares(weights, grams)
        self._blends = blends
        self._style_constant = constant - _weighted_mean_squares(weights, blends)
        self._targets = self._features(content)
        shares = self.settings.content_terms.values()
        self._content_pulls = [
            weight / (2 if self.settings.normalization == "sums" else target.size)
            for weight, target in zip(shares, self._targets, strict=True)
        ]

    def evaluate(self, image):
        """The losses of `image` [H, W, 3] ("content", "style", "tv", "total") and the gradient of their total.

        Raises memory.DoesNotFit where there is not enough memory even for small tiles.
        """
        return self._in_smaller_tiles_if_need_be(self._evaluate, image)

    def _in_smaller_tiles_if_need_be(self, work, picture, *others):
        """work(picture, ...), with tiles of half the size for as long as memory runs out."""
        while True:
            try:
                return work(picture, *others)
            except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                side = min(self.tile_size or np.inf, max(picture.shape[:2]))
                if side <= SMALLEST_TILE:
                    raise DoesNotFit(f"out of memory, even in tiles of {side} pixels") from error
                self.tile_size = max(SMALLEST_TILE, int(side) // 2 // TILE_GRID * TILE_GRID)

    def _evaluate(self, image):
        if self._is_whole(image):
            sizes = self._gram_sizes(image)
            targets = *self._targets, *self._content_pulls, *self._blends, *sizes
            sums, errors, gradient = self._evaluate_whole(image, *targets)
            grams = [gram.astype(np.float64) / size for gram, size in zip(sums, sizes, strict=True)]
        else:
            grams = self._grams(image)
            errors, gradient = self._pulled_back(image, grams)
        variation, variation_gradient = VARIATIONS[self.settings.tv_norm](image)
        variation_gradient *= self.settings.tv_weight
        variation_gradient += gradient
        return self._losses(grams, errors, variation), variation_gradient

    def _losses(self, grams, errors, variation):
        weights = self._style_weights
        style = sum(map(lambda *layer: layer[0] * style_loss(*layer[1:]), weights, grams, self._blends))
        losses = {
            "content": sum(pull * float(error) for pull, error in zip(self._content_pulls, errors, strict=True)),
            "style": style + self._style_constant,
            "tv": self.settings.tv_weight * variation,
        }
        return losses | {"total": sum(losses.values())}

    def _pulled_back(self, image, grams):
        """The second sweep: (the squared error of each content layer, the gradient without that of the variation)."""
        weights, sizes = self._style_weights, self._gram_sizes(image)
        pulls = map(lambda weight, gram, blend, size: weight * style_gradient(gram, blend) / size,
                    weights, grams, self._blends, sizes)  # fmt: skip
        constants = *self._content_pulls, *(pull.astype(image.dtype) for pull in pulls)
        errors, gradient = [0.0] * len(self._targets), np.zeros_like(image)
        for tile in self._cut(image):
            targets = [
                target[tile.cells(stride(layer))]
                for layer, target in zip(self.settings.content_terms, self._targets, strict=True)
            ]
            parts, part = self._pull_back(image[tile.rows, tile.columns], tile.core, *targets, *constants)
            errors = [error + float(part) for error, part in zip(errors, parts, strict=True)]
            gradient[tile.rows, tile.columns] += part
        return errors, gradient

    def _grams(self, picture):
        """G = F'F / (h w C) of each style layer over all of the picture, in float64."""
        sums = [0.0] * len(self.settings.style_terms)
        for tile in self._cut(picture):
            parts = self._add_up(picture[tile.rows, tile.columns], tile.core)
            sums = [total + part.astype(np.float64) for total, part in zip(sums, parts, strict=True)]
        return [total / size for total, size in zip(sums, self._gram_sizes(picture), strict=True)]

    def _features(self, picture):
        """The features of each content layer over all of the picture, [h, w, C], in the type of the arithmetic."""
        whole = []
        for tile in self._cut(picture):
            parts, _ = self._measure(picture[tile.rows, tile.columns], tile.core)
            for index, (layer, part) in enumerate(zip(self.settings.content_terms, parts, strict=True)):
                if index == len(whole):
                    whole.append(np.empty([*_cells(picture, layer), part.shape[-1]], part.dtype))
                whole[index][tile.cells(stride(layer))] = part
        return whole

    def _is_whole(self, picture):
        return self.tile_size is None or max(picture.shape[:2]) <= self.tile_size

    def _cut(self, picture):
        return tiles.cut(*picture.shape[:2], None if self._is_whole(picture) else self.tile_size, self._margin)

    def _gram_sizes(self, picture):
        """h w C of each style layer."""
        return [float(np.prod(_cells(picture, layer)) * self._channels[layer]) for layer in self.settings.style_terms]


def _cells(picture, layer):
    """Height and width of the layer above a picture."""
    height, width = picture.shape[:2]
    return -(-height // stride(layer)), -(-width // stride(layer))


def _core(features, core, step):
    """The cells of a tile's core: core is (top, left, height, width) in px."""
    top, left, height, width = tf.unstack(core)
    size = [(height + step - 1) // step, (width + step - 1) // step, -1]
    result = tf.slice(features, [top // step, left // step, 0], size)
    result.set_shape([None, None, features.shape[-1]])
    return result


def _pull(weight, gram, size, blend):
    """The gradient of a layer's style loss with respect to its Gram sum."""
    return weight * style_gradient(gram / size, blend) / size


def _gradient(values, image, pulls):
    """That of the values' sum, each times its pull."""
    if not values:
        return tf.zeros_like(image)
    return tf.gradients(values, image, pulls)[0]


def _weighted_mean_squares(weights, arrays):
    return sum(weight * float(np.mean(np.square(array))) for weight, array in zip(weights, arrays, strict=True))
