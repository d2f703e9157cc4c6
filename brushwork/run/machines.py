"""Machines: what a command line may be carried out by, beside this process. See brushwork/cluster."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:  # TensorFlow is imported later
    from brushwork.engine.memory import Workload
    from brushwork.engine.tile_graph import TileGraph
    from brushwork.engine.tiles import TiledPicture
    from brushwork.run.jobs import Job


class Machines(Protocol):
    """Several processes that evaluate tiles."""

    threads: int  # of an operation, on all of them and here
    stopped: Callable[[], bool]  # whether to stop waiting for them

    def __enter__(self) -> "Machines":
        """Connect to them. Raises UserError, and Interrupted if `stopped`."""

    def __exit__(self, *exception: object) -> None: ...

    def tile_sizes(self, workload: "Workload", here: Sequence[int | None]) -> list[int | None]:
        """The tile size of each scale of a run; here: those that this process would take alone."""

    def map_tiles(
        self, graph: "TileGraph", outputs: Any, picture: "TiledPicture", sum_gradients: Mapping[str, np.ndarray]
    ) -> Iterable:
        """A TileMap; see brushwork/engine/evaluator.py."""

    def paint(
        self, batch: Sequence["Job"], options: argparse.Namespace, alone: Callable[[Sequence["Job"]], int]
    ) -> int:
        """Make the pictures of a batch, until `stopped`, and return the exit status.

        alone: makes some of them without other machines, and returns the exit status.
        """
