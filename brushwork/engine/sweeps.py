"""Sweeps: a loss of sums over positions, and its gradient, for a picture in one piece or tile by tile.

The loss is handed in as two functions of tensors: statistics -> sums, and losses(sums) -> {name: scalar}, with "total".
Untiled, the gradient is tf.gradients(total, image). In tiles it takes two sweeps, by the chain rule.
The first adds up the sums of all tiles; the losses of these sums are the picture's, and the derivatives of the total
with respect to the sums, the pulls, are known. The second adds up the gradients of each tile's sums times the pulls.
"""

import functools

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine import tiles
from brushwork.engine.session import without_collection
from brushwork.errors import DoesNotFit
from brushwork.network.layers import stride
from brushwork.schedule import is_tiled, margin
from brushwork.settings import TILE_GRID

PADDING = 16  # px by which the border of a picture is continued outwards; a multiple of TILE_GRID
SMALLEST_TILE = 64  # px; smaller ones would be little more than margin


def _in_graph(build):
    """A cached property whose operations are added to the graph on first use: few runs need all of them."""

    def built(self):
        with self.image.graph.as_default(), without_collection():
            return build(self)

    built.__doc__ = build.__doc__
    return functools.cached_property(built)


def _in_smaller_tiles_if_needed(work):
    """A method of a picture that starts again with tiles of half the size for as long as memory runs out."""

    def patient(self, picture, *others):
        while True:
            try:
                return work(self, picture, *others)
            except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                side = min(self.tile_size or np.inf, max(picture.shape[:2]))
                if side <= SMALLEST_TILE:
                    raise DoesNotFit(f"out of memory, even in tiles of {side} pixels") from error
                self.tile_size = max(SMALLEST_TILE, int(side) // 2 // TILE_GRID * TILE_GRID)

    return functools.update_wrapper(patient, work)


class Sweeps:
    """The evaluation of pictures in one graph and one session.

    image: placeholder [H, W, 3], the picture or a tile with its margin, in its padding if there is one.
    cores: {layer: [h, w, C]}, the features of the cells of its core.
    """

    def __init__(self, features_of, *, dtype, layers, replicate=False):
        """features_of(image, origin) -> {layer: [h, w, C]}; origin: (top, left) of the tile in the padded picture.

        replicate: whether the border of pictures is continued outwards by PADDING px before they are evaluated.
        """
        self.tile_size = None  # px; None: untiled
        self.image = tf.placeholder(dtype, [None, None, 3])
        self._place = tf.placeholder(tf.int32, [8])  # Tile.place
        self._padding = PADDING if replicate else 0
        self._margin = margin(layers)
        self._strides = {}  # placeholder of a field -> px between its cells
        core, origin, more = self._place[:4], tf.unstack(self._place[4:6]), self._place[6:]
        self._features = features_of(self.image, origin)
        self.cores = {layer: _core(features, core, stride(layer)) for layer, features in self._features.items()}
        pixels = tf.slice(self.image, [core[0], core[1], 0], [core[2] + more[0], core[3] + more[1], 3])
        self._of_core = pixels, core[2:], self.cores

    def open(self, session, statistics, losses):
        """Set the session, and the loss to be evaluated in it.

        statistics(pixels, sides, features) -> sums, nested; of a tile, pixels [h, w, 3] are its core, and one row and
        column more where the picture goes on, sides is (h, w) of the core, and features are {layer: [h, w, C]}.
        losses(sums) -> {name: scalar}, with "total".
        """
        self._session, self._statistics, self._losses = session, statistics, losses

    def field(self, layer, channels, dtype):
        """A placeholder [h, w, channels] for an array over the cells of a layer, which is cut as the picture is."""
        placeholder = tf.placeholder(dtype, [None, None, channels])
        self._strides[placeholder.ref()] = stride(layer)
        return placeholder

    @_in_smaller_tiles_if_needed
    def evaluate(self, image, fields, constants):
        """({name: loss}, gradient [H, W, 3]) of `image` [H, W, 3].

        fields: {placeholder of `field`: array over the whole layer}. constants: {placeholder: array}.
        Raises DoesNotFit if memory runs out even in small tiles.
        """
        padded = self._padded(image)
        if not self._is_tiled(image):
            losses, gradient = self._run(self._untiled, *self._cut(image), padded, fields, constants)
        else:
            losses, gradient = self._evaluate_tiles(image, padded, fields, constants)
        return {name: float(loss) for name, loss in losses.items()}, _folded(gradient, self._padding)

    def _evaluate_tiles(self, image, padded, fields, constants):
        given, losses, pulls = self._of_sums
        sums = self.total(image, {index: self._flat_sums[index] for index in pulls}, fields)
        known = constants | {given[index]: value for index, value in sums.items()}
        losses, pulls = self._session.run([losses, pulls], known)
        inputs, pulled = self._pulled
        constants = constants | {inputs[index]: pull for index, pull in pulls.items()}
        gradient = np.zeros_like(padded)
        for tile in self._cut(image):
            gradient[tile.rows, tile.columns] += self._run(pulled, tile, padded, fields, constants)
        return losses, gradient

    @_in_smaller_tiles_if_needed
    def total(self, picture, sums, fields):
        """`sums`, nested tensors computed from `cores` and fields, added up over a picture: float64 arrays."""
        padded = self._padded(picture)
        parts = (self._run(sums, tile, padded, fields, {}) for tile in self._cut(picture))
        parts = (tf.nest.map_structure(np.float64, part) for part in parts)
        return functools.reduce(functools.partial(tf.nest.map_structure, np.add), parts)

    @_in_smaller_tiles_if_needed
    def features(self, picture, layers):
        """The features of some layers for a whole picture, a list of [h, w, C], in the precision of the network."""
        cores, padded = [self.cores[layer] for layer in layers], self._padded(picture)
        sides = ([-(-side // stride(layer)) for side in picture.shape[:2]] for layer in layers)
        shapes = ([*each, core.shape[-1]] for each, core in zip(sides, cores, strict=True))
        whole = [np.empty(shape, core.dtype.as_numpy_dtype) for shape, core in zip(shapes, cores, strict=True)]
        for tile in self._cut(picture):
            for layer, array, part in zip(layers, whole, self._run(cores, tile, padded, {}, {}), strict=True):
                array[tile.cells(stride(layer))] = part
        return whole

    @_in_graph
    def _untiled(self):
        """(losses, gradient with respect to the padded image) of a picture in one piece."""
        whole = self.image, tf.shape(self.image)[:2], self._features
        losses = self._losses(self._statistics(*(self._of_core if self._padding else whole)))
        return losses, tf.gradients(losses["total"], self.image)[0]

    @_in_graph
    def _sums(self):
        """The sums of one tile, nested as the statistics give them."""
        return self._statistics(*self._of_core)

    @_in_graph
    def _of_sums(self):
        """(placeholders of the picture's sums, the losses of these, {index of a sum that matters: its pull})."""
        given = tf.nest.map_structure(lambda tensor: tf.placeholder(tensor.dtype, tensor.shape), self._sums)
        losses, flat = self._losses(given), tf.nest.flatten(given)
        pulls = tf.gradients(losses["total"], flat)
        return flat, losses, {index: pull for index, pull in enumerate(pulls) if pull is not None}

    @_in_graph
    def _pulled(self):
        """({index of a sum: placeholder of its pull}, the gradient of a tile's sums times their pulls)."""
        sums = {index: self._flat_sums[index] for index in self._of_sums[2]}
        inputs = {index: tf.placeholder(tensor.dtype, tensor.shape) for index, tensor in sums.items()}
        return inputs, tf.gradients(list(sums.values()), self.image, list(inputs.values()))[0]

    @property
    def _flat_sums(self):
        return tf.nest.flatten(self._sums)

    def _run(self, outputs, tile, padded, fields, constants):
        """The outputs for a tile of a padded picture, with its part of the fields."""
        cells = {field: array[tile.cells(self._strides[field.ref()])] for field, array in fields.items()}
        own = {self.image: padded[tile.rows, tile.columns], self._place: tile.place}
        return self._session.run(outputs, own | cells | constants)

    def _padded(self, picture):
        sides = (self._padding, self._padding)
        return np.pad(picture, (sides, sides, (0, 0)), mode="edge") if self._padding else picture

    def _is_tiled(self, picture):
        return is_tiled(picture.shape[:2], self.tile_size)

    def _cut(self, picture):
        size = self.tile_size if self._is_tiled(picture) else None
        return tiles.cut(*picture.shape[:2], size, self._margin, self._padding)


def _core(features, core, step):
    """The cells of a tile's core, [h, w, C]; core: (top, left, height, width) in px, step: px between cells."""
    top, left, height, width = tf.unstack(core)
    size = [(height + step - 1) // step, (width + step - 1) // step, -1]
    result = tf.slice(features, [top // step, left // step, 0], size)
    result.set_shape([None, None, features.shape[-1]])
    return result


def _folded(gradient, padding):
    """The gradient with respect to a picture, from the one with respect to the picture padded by its border."""
    for axis in (0, 1) if padding else ():
        gradient = np.moveaxis(gradient, axis, 0)
        gradient[padding] += gradient[:padding].sum(axis=0)
        gradient[-padding - 1] += gradient[-padding:].sum(axis=0)
        gradient = np.moveaxis(gradient[padding:-padding], 0, axis)
    return np.ascontiguousarray(gradient)
