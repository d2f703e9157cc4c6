"""Tiles: a picture cut so that the sums over its positions, and their gradients, can be had exactly piece by piece.

Every cell of every layer belongs to the core of one tile. Around its core a tile has as much of the picture as the
cells of its core see; at the picture's own edge it has none, so that zero padding falls where it would. The gradients
of the tiles' sums, each over the whole tile with its margin, add up to that of the picture's.
"""

from typing import NamedTuple

from layers import sight
from settings import TILE_GRID


class Tile(NamedTuple):
    """rows, columns: where it lies in the picture, slices in px. core: top, left, height, width in the tile, in px."""

    rows: slice
    columns: slice
    core: tuple[int, int, int, int]

    def cells(self, stride):
        """The cells of its core in the whole of a layer, a pair of slices."""
        top, left, height, width = self.core
        return (
            slice((self.rows.start + top) // stride, -(-(self.rows.start + top + height) // stride)),
            slice((self.columns.start + left) // stride, -(-(self.columns.start + left + width) // stride)),
        )


def cut(height, width, size, margin):
    """The tiles of a picture: cores of at most `size` px a side, a multiple of TILE_GRID. size None: one tile."""
    if size is None:
        return [Tile(slice(0, height), slice(0, width), (0, 0, height, width))]
    return [
        Tile(rows, columns, (top, left, core_height, core_width))
        for rows, top, core_height in _spans(height, size, margin)
        for columns, left, core_width in _spans(width, size, margin)
    ]


def _spans(length, size, margin):
    """(the slice of a tile, the start of its core in it, the core's length) along one side of the picture."""
    count = -(-length // size)
    step = -(-length // (count * TILE_GRID)) * TILE_GRID  # about equal cores
    for start in range(0, length, step):
        end = min(start + step, length)
        first = max(0, start - margin)
        yield slice(first, min(length, end + margin)), start - first, end - start


def margin(layers):
    """How far the cells of a core see beyond it, in px, rounded up to TILE_GRID: 80 up to relu5_1, 96 to relu5_2."""
    return max((-(-sight(layer) // TILE_GRID) * TILE_GRID for layer in layers), default=0)
