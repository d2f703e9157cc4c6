"""Machines: what a command line may be carried out by, beside this process. See brushwork/cluster."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:  # TensorFlow is imported later
    from brushwork.engine.memory import Workload
    from brushwork.engine.tile_graph import TileGraph
    from brushwork.engine.tiles import TiledPicture


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
