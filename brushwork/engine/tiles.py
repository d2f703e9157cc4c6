"""Tiles: a picture cut into pieces whose sums over positions, and whose gradients, add up to those of the picture.

Each cell of each layer belongs to the core of exactly one tile. Around its core a tile has a margin: as much of the
picture as influences the cells of the core. At the edge of the picture there is no margin, so that the network's zero
padding falls where it falls for the whole picture. The gradients of the tiles' sums, each with respect to the whole
tile including its margin, add up to the gradient with respect to the picture.
"""

from typing import NamedTuple

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
