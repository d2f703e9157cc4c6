"""Tiles: a picture cut so that the sums over its positions, and their gradients, can be had exactly piece by piece.

Every cell of every layer belongs to the core of one tile. Around its core a tile has as much of the picture as the
cells of its core see; at the picture's own edge it has only the picture's padding, so that what the network's zero
padding falls on is the same. The gradients of the tiles' sums, each over the whole tile with its margin, add up to that
of the picture's.
"""

from typing import NamedTuple

from layers import sight
from settings import TILE_GRID


class Tile(NamedTuple):
    """A piece of a padded picture; all in px."""

    rows: slice  # of the padded picture
    columns: slice
    core: tuple[int, int, int, int]  # top, left, height, width in the tile
    corner: tuple[int, int]  # top, left of the core in the picture without its padding

    @property
    def place(self):
        """Its core, and top, left of the tile in the padded picture."""
        return *self.core, self.rows.start, self.columns.start

    def cells(self, stride):
        """The cells of its core in the whole of a layer, a pair of slices."""
        (top, left), (_, _, height, width) = self.corner, self.core
        return (
            slice(top // stride, -(-(top + height) // stride)),
            slice(left // stride, -(-(left + width) // stride)),
        )


def cut(height, width, size, margin, padding=0):
    """The tiles of a picture: cores of at most `size` px a side, a multiple of TILE_GRID. size None: one tile.

    padding: px on each side, a multiple of TILE_GRID, that the picture has been extended by.
    """
    return [
        Tile(rows, columns, (top, left, core_height, core_width), (first_row, first_column))
        for rows, top, core_height, first_row in _spans(height, size or height, margin, padding)
        for columns, left, core_width, first_column in _spans(width, size or width, margin, padding)
    ]


def _spans(length, size, margin, padding):
    """(the slice of a tile, its core's start in it, the core's length, its start in the picture) along one side."""
    count = -(-length // size)
    step = -(-length // (count * TILE_GRID)) * TILE_GRID  # about equal cores
    for start in range(0, length, step):
        end = min(start + step, length)
        first, last = max(-padding, start - margin), min(length + padding, end + margin)
        yield slice(first + padding, last + padding), start - first, end - start, start


def margin(layers):
    """How far the cells of a core see beyond it, in px, rounded up to TILE_GRID: 80 up to relu5_1, 96 to relu5_2."""
    return max((-(-sight(layer) // TILE_GRID) * TILE_GRID for layer in layers), default=0)
