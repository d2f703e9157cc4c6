"""The evaluator: the loss of a picture and its gradient, in one piece or tile by tile.

In tiles it takes two passes, by the chain rule through the sums over positions. The first adds up the sums of all
tiles; the losses of these sums are those of the whole picture, and so are the gradients of the total with respect to
the sums. The second computes the gradient of each tile's sums, weighted by these, and adds up the results.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

from brushwork.engine import tiles
from brushwork.engine.term import map_named
from brushwork.engine.tile_graph import TileGraph
from brushwork.errors import DoesNotFit
from brushwork.messages import logger
from brushwork.network.layers import stride
from brushwork.schedule import is_tiled
from brushwork.settings import TILE_GRID

SMALLEST_TILE = 64  # px; smaller ones would be little more than margin
NO_SUMS: Mapping[str, np.ndarray] = MappingProxyType({})

# (graph, outputs, picture, sum gradients) -> the results of `run_tile` for the tiles of the picture, in their order.
# It may send what is fed, dictionaries of arrays, to other processes that have built a TileGraph of the same Recipe.
# The second pass has the same picture as the first, and the sum gradients: {input: array}, the same for all tiles.
TileMap = Callable[[TileGraph, Any, tiles.TiledPicture, Mapping[str, np.ndarray]], Iterable]


def map_here(
    graph: TileGraph, outputs: Any, picture: tiles.TiledPicture, sum_gradients: Mapping[str, np.ndarray]
) -> Iterable:
    """The TileMap that computes one tile after the other in this process."""
    return (run_tile(graph, outputs, picture, index, sum_gradients) for index in range(len(picture)))


def run_tile(
    graph: TileGraph, outputs: Any, picture: tiles.TiledPicture, index: int, sum_gradients: Mapping[str, np.ndarray]
) -> Any:
    """The outputs of the graph for a tile of a picture."""
    feeds = picture.pixels(index) | picture.fields(index) | picture.constants
    return graph.run(outputs, feeds | dict(sum_gradients))


def _in_smaller_tiles_if_needed(method: Callable) -> Callable:
    """A method of a picture that is repeated with tiles of half the size for as long as memory runs out."""

    def with_retries(self, picture, *others):
        while True:
            try:
                return method(self, picture, *others)
            except (MemoryError, tf.errors.ResourceExhaustedError) as error:
                self._halve_tiles(max(picture.shape[:2]), error)

    return functools.update_wrapper(with_retries, method)


class Evaluator:
    """Evaluates pictures [H, W, 3], RGB, 0..255, of any size with the graph of a tile.

    Where tiles are computed is decided by the function that maps work over them.
    """

    def __init__(self, graph: TileGraph, map_tiles: TileMap = map_here):
        self._graph, self._map_tiles = graph, map_tiles
        self._tile_size, self._largest = None, np.inf

    @property
    def tile_size(self) -> int | None:
        """px of the tiles' cores; None: untiled. It never exceeds what memory was once too small for."""
        return self._tile_size

    @tile_size.setter
    def tile_size(self, size: int | None) -> None:
        self._tile_size = size if self._largest == np.inf else min(size or np.inf, self._largest)

    @_in_smaller_tiles_if_needed
    def evaluate(self, image: np.ndarray, inputs: Mapping[str, np.ndarray]) -> tuple[dict[str, float], np.ndarray]:
        """({name: loss}, gradient of the total [H, W, 3]) of an image [H, W, 3].

        inputs: {name: array} of the terms' inputs, Fields over the whole picture. Raises DoesNotFit if memory runs out
        even in small tiles.
        """
        picture = self._cut(image, inputs)
        if is_tiled(image.shape[:2], self.tile_size):
            losses, gradient = self._evaluate_tiles(picture)
        else:
            ((losses, gradient),) = self._run("untiled", picture)
        return {name: float(loss) for name, loss in losses.items()}, _folded(gradient, self._graph.padding)

    def _evaluate_tiles(self, picture):
        sums = _added(self._run("sums", picture))
        losses, gradients = self._graph.run("losses", picture.constants | sums)
        sum_gradients = {f"sum_gradients/{name}": each for name, each in gradients.items()}
        gradient = np.zeros_like(picture.padded)
        parts = self._run("gradient", picture, sum_gradients)
        for tile, part in zip(picture.tiles, parts, strict=True):
            gradient[tile.rows, tile.columns] += part
        return losses, gradient

    @_in_smaller_tiles_if_needed
    def total(self, picture: np.ndarray, output: str, fields: Mapping[str, np.ndarray]) -> Any:
        """The sums of an output over all tiles of a picture [H, W, 3]: float64 arrays, nested as the output.

        fields: {input: [h, w, channels] of the whole picture}.
        """
        return _added(self._run(output, self._cut(picture, fields)))

    @_in_smaller_tiles_if_needed
    def features(self, picture: np.ndarray, layers: list[str]) -> dict[str, np.ndarray]:
        """{layer: its features [h, w, C]} of a whole picture, in the precision of the network."""
        graph, whole = self._graph, {}
        for layer in layers:
            sides = [-(-side // stride(layer)) for side in picture.shape[:2]]
            whole[layer] = np.empty([*sides, graph.channels(layer)], graph.feature_type())
        cut = self._cut(picture, {})
        results = self._run([f"features/{layer}" for layer in layers], cut)
        for tile, parts in zip(cut.tiles, results, strict=True):
            for layer, part in zip(layers, parts, strict=True):
                whole[layer][tile.cells(stride(layer))] = part
        return whole

    def _run(self, outputs: Any, picture: tiles.TiledPicture, sum_gradients: Mapping[str, np.ndarray] = NO_SUMS):
        """The outputs for each tile of a picture, in the order of the tiles."""
        return self._map_tiles(self._graph, outputs, picture, sum_gradients)

    def _cut(self, picture: np.ndarray, inputs: Mapping[str, np.ndarray]) -> tiles.TiledPicture:
        size = self.tile_size if is_tiled(picture.shape[:2], self.tile_size) else None
        cut = tiles.cut(*picture.shape[:2], size, self._graph.margin, self._graph.padding)
        return tiles.TiledPicture(cut, self._padded(picture), inputs, self._graph.field_strides)

    def _padded(self, picture: np.ndarray) -> np.ndarray:
        sides = (self._graph.padding, self._graph.padding)
        return np.pad(picture, (sides, sides, (0, 0)), mode="edge") if self._graph.padding else picture

    def _halve_tiles(self, longer_side: int, error: Exception) -> None:
        """Choose tiles of half the size from now on. Raises DoesNotFit if they would be too small."""
        side = int(min(self.tile_size or np.inf, longer_side))
        if side <= SMALLEST_TILE:
            raise DoesNotFit(f"out of memory, even in tiles of {side} pixels") from error
        self._largest = max(SMALLEST_TILE, side // 2 // TILE_GRID * TILE_GRID)
        self.tile_size = self._largest
        logger.warning(f"out of memory; continuing in tiles of {self._largest} pixels")


def _added(parts: Iterable) -> Any:
    """Nested arrays added up in float64, in their order."""
    exact = (map_named(lambda name, array: np.asarray(array, np.float64), part) for part in parts)
    return functools.reduce(functools.partial(tf.nest.map_structure, np.add), exact)


def _folded(gradient: np.ndarray, padding: int) -> np.ndarray:
    """The gradient [H, W, 3] with respect to a picture, from the one [H + 2 p, W + 2 p, 3] for the padded picture."""
    for axis in (0, 1) if padding else ():
        gradient = np.moveaxis(gradient, axis, 0)
        gradient[padding] += gradient[:padding].sum(axis=0)
        gradient[-padding - 1] += gradient[-padding:].sum(axis=0)
        gradient = np.moveaxis(gradient[padding:-padding], 0, axis)
    return np.ascontiguousarray(gradient)
