"""Tiles: a picture cut into pieces whose sums over positions, and whose gradients, add up to those of the picture.

Each cell of each layer belongs to the core of exactly one tile. Around its core a tile has a margin: as much of the
picture as influences the cells of the core. At the edge of the picture there is no margin, so that the network's zero
padding falls where it falls for the whole picture. The gradients of the tiles' sums, each with respect to the whole
tile including its margin, add up to the gradient with respect to the picture.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from brushwork.schedule import spans


class Tile(NamedTuple):
    """A piece of a picture that may have been padded. All numbers are px."""

    rows: slice  # of the padded picture
    columns: slice
    core: tuple[int, int, int, int]  # top, left, height, width, in the tile
    corner: tuple[int, int]  # top, left of the core in the picture without padding
    more: tuple[int, int]  # (below, right): 1 if the picture continues there beyond the core, else 0

    @property
    def place(self) -> tuple[int, ...]:
        """Eight integers: the core, the tile's top and left in the padded picture, and `more`."""
        return *self.core, self.rows.start, self.columns.start, *self.more

    def cells(self, stride: int) -> tuple[slice, slice]:
        """The core's cells in a layer of the whole picture, as two slices."""
        (top, left), (_, _, height, width) = self.corner, self.core
        return (
            slice(top // stride, -(-(top + height) // stride)),
            slice(left // stride, -(-(left + width) // stride)),
        )


class TiledPicture:
    """A picture cut into tiles, with what the graph is fed for each of them."""

    def __init__(
        self,
        tiles: Sequence[Tile],
        padded: np.ndarray,
        inputs: Mapping[str, np.ndarray],
        strides: Mapping[str, int],
    ):
        """padded: [H + 2 p, W + 2 p, 3], RGB, 0..255, the picture with its continued border.

        inputs: {name: array} of the terms' inputs; they stay the same as long as the mapping is the same object.
        strides: {input that is a Field: px between its cells}; the others are Constants.
        """
        self.tiles, self.inputs = tiles, inputs
        self.padded, self._strides = padded, strides

    def __len__(self) -> int:
        return len(self.tiles)

    def area(self, index: int) -> int:
        """The pixels of a tile with its margin."""
        return self.pixels(index)["image"].size // 3

    def pixels(self, index: int) -> dict[str, np.ndarray]:
        """What is fed of the picture itself for a tile."""
        tile = self.tiles[index]
        return {"image": self.padded[tile.rows, tile.columns], "place": np.array(tile.place, np.int32)}

    def fields(self, index: int) -> dict[str, np.ndarray]:
        """The parts of the Fields that belong to the core of a tile."""
        tile = self.tiles[index]
        return {name: array[tile.cells(self._strides[name])] for name, array in self._split[0].items()}

    @property
    def constants(self) -> dict[str, np.ndarray]:
        """The Constants, which are the same for all tiles."""
        return self._split[1]

    @cached_property
    def _split(self):
        """The inputs that are Fields, and the others."""
        fields = {name: array for name, array in self.inputs.items() if name in self._strides}
        return fields, {name: array for name, array in self.inputs.items() if name not in fields}


def cut(height: int, width: int, size: int | None, margin: int, padding: int = 0) -> list[Tile]:
    """The tiles of a picture, with cores of at most `size` px a side, a multiple of TILE_GRID. size None: one tile.

    padding: px, a multiple of TILE_GRID, by which each side of the picture has been extended.
    """
    return [
        Tile(
            slice(first_row + padding, last_row + padding),
            slice(first_column + padding, last_column + padding),
            (top - first_row, left - first_column, below - top, right - left),
            (top, left),
            (int(below < height), int(right < width)),
        )
        for first_row, top, below, last_row in spans(height, size or height, margin, padding)
        for first_column, left, right, last_column in spans(width, size or width, margin, padding)
    ]
