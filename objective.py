"""The objective: the loss of a picture and its gradient, in one TensorFlow graph and one session."""

import functools
import itertools

import numpy as np
import tensorflow.compat.v1 as tf

import tiles
import vgg
from layers import stride
from losses import VARIATIONS, gram_sums, squared_error, style_gradient, style_loss
from masks import EVERYWHERE, over_cells
from memory import DoesNotFit, tile_size_for
from session import chosen_precision, open_session
from settings import TILE_GRID
from state import digest

PADDING = 16  # px that a picture's border is continued outwards, a multiple of TILE_GRID
KNOWN_STYLES = 16  # whose Gram matrices are kept, 5 MB each
SMALLEST_TILE = 64  # px; around a smaller one there would be little but margin


def _cached_call(of_graph):
    """The callable of a method that adds to the graph and returns (what to compute, the inputs in their order)."""

    def call(self):
        with self.graph.as_default():
            return self._session.make_callable(*of_graph(self))

    call.__doc__ = of_graph.__doc__
    return functools.cached_property(call)


class Objective:
    """The loss of a picture and its gradient: evaluate(image) -> (losses, gradient), once `aim` has set the targets.

    Content, styles and picture go through the same graph, so that a target and the value held against it are the same
    statistic. The type of the network's kernels is the type of the arithmetic. A context manager.

    A picture larger than a tile is evaluated in two sweeps. The first adds up the tiles' Gram sums; how the loss
    changes with them depends on the whole picture. With that known, the second adds up the tiles' gradients.
    """

    def __init__(self, network, settings, masks=EVERYWHERE):
        """network: vgg.Network. masks: which there are, and how many, counts here; `aim` is given them in its size.

        Raises KeyError where the network lacks a layer that the settings use.
        """
        self.settings = settings
        self.mean_pixel = network.mean_pixel
        self.precision = chosen_precision(settings.precision)
        self.tile_size = None  # px; None: in one piece
        self._network = network
        self._known = {}  # digest of a style picture and its mask -> its Gram matrices, the latest last
        self._margin = tiles.margin(self._layer_names())
        self._padding = PADDING if settings.padding == "replicate" else 0
        self.graph = tf.Graph()
        with self.graph.as_default():
            dtype = tf.bfloat16 if self.precision == "bfloat16" else self.mean_pixel.dtype
            convolutions, weights = vgg.variables(network, dtype, layers=self._layer_names())
            self._session = open_session(self.graph)
            self._build(convolutions, dtype, masks)
            self._session.run(tf.global_variables_initializer(), weights)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def _build(self, convolutions, dtype, masks):
        """The layers, and the inputs beside the picture: a tile's place, masks, targets and weights.

        What is called of the graph, `_cached_call` adds when it is first called: few runs need all of it.
        """
        self._image = image = tf.placeholder(self.mean_pixel.dtype, [None, None, 3])
        self._place = tf.placeholder(tf.int32, [6])  # of a tile: Tile.place
        core, origin = tf.unstack(self._place[:4]), tf.unstack(self._place[4:])
        self._net = self._layers(image, convolutions, dtype, origin)
        self._cores = {layer: _core(features, core, stride(layer)) for layer, features in self._net.items()}
        contents, styles = self._of_terms(self._cores)
        self._source_inputs = _mask_inputs(image, styles, 1 if masks.sources else 0)
        self._region_inputs = _mask_inputs(image, styles, len(masks.styles))
        self._target_inputs = [
            tf.placeholder(features.dtype, [None, None, features.shape[-1]]) for features in contents
        ]
        self._root_inputs = _mask_inputs(image, contents, 0 if masks.content is None else 1)
        self._content_pull_inputs = [tf.placeholder(image.dtype, []) for _ in contents]

    @_cached_call
    def _features_of(self):
        """(tile, place) -> the features of the content layers."""
        return self._of_terms(self._cores)[0], [self._image, self._place]

    @_cached_call
    def _style_sums(self):
        """(tile of a style, place, its masks) -> the Gram sums of the style layers."""
        sums = _gram_sums(self._of_terms(self._cores)[1], self._source_inputs)
        return sums, [self._image, self._place, *self._source_inputs]

    @_cached_call
    def _region_sums(self):
        """(tile of the picture, place, the styles' regions) -> the Gram sums of the style layers."""
        sums = _gram_sums(self._of_terms(self._cores)[1], self._region_inputs)
        return sums, [self._image, self._place, *self._region_inputs]

    @_cached_call
    def _evaluate_whole(self):
        """(picture, place, inputs, blends, sizes, pulls) -> (style losses, squared errors of content, gradient)."""
        grams, errors = self._sums(self._cores if self._padding else self._net)
        blends = [tf.placeholder(gram.dtype, gram.shape) for gram in grams]
        sizes, pulls = ([tf.placeholder(gram.dtype, [None, 1, 1]) for gram in grams] for _ in range(2))
        means = [gram / size for gram, size in zip(grams, sizes, strict=True)]
        style_pulls = [
            pull * style_gradient(mean, blend) / size
            for mean, size, blend, pull in zip(means, sizes, blends, pulls, strict=True)
        ]
        gradient = _gradient([*grams, *errors], self._image, [*style_pulls, *self._content_pull_inputs])
        style_losses = list(map(style_loss, means, blends))
        return [style_losses, errors, gradient], [*self._inputs(), *blends, *sizes, *pulls]

    @_cached_call
    def _pull_back(self):
        """(tile, place, inputs, the loss's derivatives by the Gram sums) -> (squared errors of content, gradient)."""
        grams, errors = self._sums(self._cores)
        style_pulls = [tf.placeholder(gram.dtype, gram.shape) for gram in grams]
        gradient = _gradient([*grams, *errors], self._image, [*style_pulls, *self._content_pull_inputs])
        return [errors, gradient], [*self._inputs(), *style_pulls]

    def _inputs(self):
        masks_and_targets = *self._region_inputs, *self._target_inputs, *self._root_inputs
        return [self._image, self._place, *masks_and_targets, *self._content_pull_inputs]

    def _layer_names(self):
        return [*self.settings.content_terms, *self.settings.style_terms]

    def _of_terms(self, layers):
        """(the layers of the content terms, those of the style terms)."""
        return [
            [layers[layer] for layer in terms] for terms in (self.settings.content_terms, self.settings.style_terms)
        ]

    def _sums(self, layers):
        """(the Gram sums of each style layer, the squared error of each content layer)."""
        contents, styles = self._of_terms(layers)
        roots = self._root_inputs or [None] * len(contents)
        return _gram_sums(styles, self._region_inputs), list(map(squared_error, contents, self._target_inputs, roots))

    def _layers(self, image, convolutions, dtype, origin):
        """The layers that content and style are taken from, name -> [h, w, C]; notes their widths and weights."""
        net = vgg.build(
            tf.cast(image - self.mean_pixel, dtype)[tf.newaxis],  # [1, H, W, 3]
            convolutions,
            layers=self._layer_names(),
            pooling=self.settings.pooling,
            origin=origin,
        )
        net = {layer: tf.squeeze(features, 0) for layer, features in net.items()}
        self._channels = {layer: int(features.shape[-1]) for layer, features in net.items()}
        self._style_weights = [
            weight * self._style_factor(self._channels[layer]) for layer, weight in self.settings.style_terms.items()
        ]
        return net

    def _style_factor(self, channels):
        """What the normalization makes of mean((G - A)^2), G = F'F / (h w C)."""
        return {"classic": 1, "positions": channels**2, "sums": channels**2 / 4}[self.settings.normalization]

    def aim(self, content, styles, masks=EVERYWHERE):
        """Set the targets: features of `content` [H, W, 3], and the Gram matrices of `styles`, each [h, w, 3].

        masks: of the sizes of these pictures.
        Raises memory.DoesNotFit.
        """
        sizes = [picture.shape[:2] for picture in (content, *styles)]
        run = self._network, self.settings, self.precision
        self.tile_size = tile_size_for(*run, sizes[0], sizes[1:], len(masks.styles))
        self._in_smaller_tiles_if_need_be(self._aim, content, styles, masks)

    def _aim(self, content, styles, masks):
        shares = np.array(self.settings.blend(len(styles)))
        sources = [[_over_layers([mask], self.settings.style_terms)] for mask in masks.sources] or [[]] * len(styles)
        grams = [self._style_grams(style, *source) for style, source in zip(styles, sources, strict=True)]
        grams = [np.concatenate(layer) for layer in zip(*grams, strict=True)]  # [styles, C, C] each
        self._regions = _over_layers(masks.styles, self.settings.style_terms)
        self._shares, self._blends, self._style_constants = shares, grams, [0.0] * len(grams)
        if not masks.styles:
            self._blend(shares, grams)
        self._rounded_blends = [blend.astype(self.mean_pixel.dtype) for blend in self._blends]
        self._targets = self._features(content)
        self._roots = _over_layers([masks.content], self.settings.content_terms) if masks.content is not None else []
        self._roots = [np.sqrt(root) for root in self._roots]
        halves = self.settings.normalization == "sums"
        self._content_pulls = [
            weight / (2 if halves else target.size)
            for weight, target in zip(self.settings.content_terms.values(), self._targets, strict=True)
        ]

    def _blend(self, shares, grams):
        """Make all styles one: any number of them costs as much as one.

        Since the shares b sum to one, sum_i b_i mean((G - A_i)^2) = mean((G - A)^2) + constant with the blend
        A = sum_i b_i A_i; the constant keeps the loss what it was.
        """
        blends = [np.tensordot(shares, gram, 1)[np.newaxis] for gram in grams]
        self._style_constants = [shares @ style_loss(gram, blend) for gram, blend in zip(grams, blends, strict=True)]
        self._shares, self._blends = np.ones(1), blends

    def evaluate(self, image):
        """The losses of `image` [H, W, 3] and the gradient of their total.

        The losses are "content", "style", "tv", "total", and those of each layer, as "style/relu1_1".

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
            (tile,) = self._cut(image)
            sizes = self._gram_sizes(image, self._regions)
            shares = [weight * self._shares[:, np.newaxis, np.newaxis] for weight in self._style_weights]
            targets = *self._regions, *self._targets, *self._roots, *self._content_pulls
            given = *targets, *self._rounded_blends, *sizes, *shares
            style_losses, errors, gradient = self._evaluate_whole(self._extended(image), tile.place, *given)
        else:
            grams = self._grams(self._region_sums, image, self._regions)
            style_losses = list(map(style_loss, grams, self._blends))
            errors, gradient = self._pulled_back(image, grams)
        gradient = _folded(gradient, self._padding)
        # At weight zero too: the network makes numbers of what is none, and would not tell that a run has diverged.
        variation = VARIATIONS[self.settings.tv_norm](image, gradient, self.settings.tv_weight)
        return self._losses(style_losses, errors, variation), gradient

    def _losses(self, style_losses, errors, variation):
        contents = [pull * float(error) for pull, error in zip(self._content_pulls, errors, strict=True)]
        parts = zip(self._style_weights, style_losses, self._style_constants, strict=True)
        styles = [weight * float(self._shares @ mean + constant) for weight, mean, constant in parts]
        losses = {"content": sum(contents), "style": sum(styles), "tv": self.settings.tv_weight * variation}
        layers = {f"content/{layer}": loss for layer, loss in zip(self.settings.content_terms, contents, strict=True)}
        layers |= {f"style/{layer}": loss for layer, loss in zip(self.settings.style_terms, styles, strict=True)}
        return losses | {"total": sum(losses.values())} | layers

    def _pulled_back(self, image, grams):
        """The second sweep: (the squared error of each content layer, the gradient by the padded image)."""
        layers = zip(self._style_weights, grams, self._blends, self._gram_sizes(image, self._regions), strict=True)
        shares = self._shares[:, np.newaxis, np.newaxis]
        pulls = [weight * shares * style_gradient(gram, blend) / size for weight, gram, blend, size in layers]
        constants = *self._content_pulls, *(pull.astype(image.dtype) for pull in pulls)
        extended = self._extended(image)
        errors, gradient = [0.0] * len(self._targets), np.zeros_like(extended)
        for tile in self._cut(image):
            regions = _cells_of(tile, self._regions, self.settings.style_terms)
            contents = (_cells_of(tile, each, self.settings.content_terms) for each in (self._targets, self._roots))
            given = *regions, *itertools.chain(*contents), *constants
            parts, part = self._pull_back(extended[tile.rows, tile.columns], tile.place, *given)
            errors = [error + float(part) for error, part in zip(errors, parts, strict=True)]
            gradient[tile.rows, tile.columns] += part
        return errors, gradient

    def _grams(self, gram_sums_of, picture, regions=()):
        """G_k = sum of m_k F F' / (C sum of m_k) of each style layer over all of the picture, [K, C, C] in float64."""
        sums, extended = [0.0] * len(self.settings.style_terms), self._extended(picture)
        for tile in self._cut(picture):
            parts = _cells_of(tile, regions, self.settings.style_terms)
            parts = gram_sums_of(extended[tile.rows, tile.columns], tile.place, *parts)
            sums = [total + part.astype(np.float64) for total, part in zip(sums, parts, strict=True)]
        return [total / size for total, size in zip(sums, self._gram_sizes(picture, regions), strict=True)]

    def _style_grams(self, style, source=()):
        """Those of a style picture; of the last few pictures they are known."""
        key = digest(style, *source)
        grams = self._known.pop(key, None) or self._grams(self._style_sums, style, source)
        self._known[key] = grams
        if len(self._known) > KNOWN_STYLES:
            del self._known[next(iter(self._known))]
        return grams

    def _features(self, picture):
        """The features of each content layer over all of the picture, [h, w, C], in the type of the arithmetic."""
        whole, extended = [], self._extended(picture)
        for tile in self._cut(picture):
            parts = self._features_of(extended[tile.rows, tile.columns], tile.place)
            for index, (layer, part) in enumerate(zip(self.settings.content_terms, parts, strict=True)):
                if index == len(whole):
                    whole.append(np.empty([*_cells(picture, layer), part.shape[-1]], part.dtype))
                whole[index][tile.cells(stride(layer))] = part
        return whole

    def _extended(self, picture):
        """A picture with its border continued outwards, if the settings ask for it."""
        sides = (self._padding, self._padding)
        return np.pad(picture, (sides, sides, (0, 0)), mode="edge") if self._padding else picture

    def _is_whole(self, picture):
        return self.tile_size is None or max(picture.shape[:2]) <= self.tile_size

    def _cut(self, picture):
        size = None if self._is_whole(picture) else self.tile_size
        return tiles.cut(*picture.shape[:2], size, self._margin, self._padding)

    def _gram_sizes(self, picture, regions=()):
        """C times the sum of each mask over each style layer, [K, 1, 1]; without masks, h w C."""
        areas = [region.sum(axis=(0, 1), dtype=np.float64) for region in regions]
        areas = areas or [
            np.prod(_cells(picture, layer), dtype=np.float64)[None] for layer in self.settings.style_terms
        ]
        channels = (self._channels[layer] for layer in self.settings.style_terms)
        return [(area * count)[:, np.newaxis, np.newaxis] for area, count in zip(areas, channels, strict=True)]


def _folded(gradient, padding):
    """The gradient by the picture, from that by the picture with its border continued outwards."""
    for axis in (0, 1) if padding else ():
        gradient = np.moveaxis(gradient, axis, 0)
        gradient[padding] += gradient[:padding].sum(axis=0)
        gradient[-padding - 1] += gradient[-padding:].sum(axis=0)
        gradient = np.moveaxis(gradient[padding:-padding], 0, axis)
    return np.ascontiguousarray(gradient)


def _cells(picture, layer):
    """Height and width of the layer above a picture."""
    height, width = picture.shape[:2]
    return -(-height // stride(layer)), -(-width // stride(layer))


def _cells_of(tile, arrays, layers):
    """The cells of a tile's core of arrays [h, w, ..] over whole layers, if there are any."""
    return [array[tile.cells(stride(layer))] for array, layer in zip(arrays, layers, strict=False)]


def _over_layers(masks, layers):
    """Masks [H, W] over each layer's cells: a list of [h, w, K], or an empty one."""
    return [np.stack([over_cells(mask, stride(layer)) for mask in masks], -1) for layer in layers] if len(masks) else []


def _mask_inputs(image, features, count):
    """A placeholder for `count` masks over each of the features, or none."""
    return [tf.placeholder(image.dtype, [None, None, count]) for _ in features] if count else []


def _gram_sums(features, masks):
    return list(map(gram_sums, features, masks or [None] * len(features)))


def _core(features, core, step):
    """The cells of a tile's core: core is (top, left, height, width) in px."""
    top, left, height, width = core
    size = [(height + step - 1) // step, (width + step - 1) // step, -1]
    result = tf.slice(features, [top // step, left // step, 0], size)
    result.set_shape([None, None, features.shape[-1]])
    return result


def _gradient(values, image, pulls):
    """That of the values' sum, each times its pull."""
    if not values:
        return tf.zeros_like(image)
    return tf.gradients(values, image, pulls)[0]
