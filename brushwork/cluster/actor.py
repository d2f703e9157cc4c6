"""The actor: what a worker holds for a run, the graph of a tile with its session and the inputs of its tiles.

TensorFlow and the method are imported in its methods: the scheduler imports this module too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from brushwork.cluster import facts

if TYPE_CHECKING:
    import numpy as np

    from brushwork.engine.tile_graph import Recipe

MEMORY = "memory"  # the reason of a Failure


@dataclass(frozen=True)
class Begin:
    """A pass over the tiles of a picture."""

    picture: int  # number of the picture; it is the same in both passes of an evaluation
    inputs: int  # number of the inputs
    constants: Mapping[str, np.ndarray] | None  # None: known from an earlier pass
    sum_gradients: Mapping[str, np.ndarray]
    forgotten: tuple[int, ...] = ()  # tiles that other workers have now


@dataclass(frozen=True)
class TileCall:
    """What is computed for a tile in the pass that has begun."""

    tile: int
    outputs: str | list[str]
    pixels: Mapping[str, np.ndarray] | None  # None: known from the pass before
    fields: Mapping[str, np.ndarray] | None  # None: known from an earlier pass


@dataclass(frozen=True)
class TileResult:
    """The arrays of the outputs."""

    arrays: Any


@dataclass(frozen=True)
class Failure:
    """A call that could not be carried out."""

    reason: str


class TileActor:
    """Evaluates the tiles of a run in a worker. Methods run one after the other, `stop` beside them."""

    def __init__(self):
        self._graph, self._is_stopped = None, False
        self._begun, self._constants, self._fields, self._pixels = None, {}, {}, {}

    def meet(self, environment: Mapping[str, str | None]) -> facts.Facts:
        """The Facts of the worker, with the environment of the run if TensorFlow has not been imported."""
        facts.adopt(environment)
        return facts.here()

    def load(self) -> None:
        """Import TensorFlow, here and not where the recipe is unpickled: the worker answers in the meantime."""
        from brushwork.engine.session import import_tensorflow

        import_tensorflow()

    def build(self, recipe: Recipe, digest: str) -> str | None:
        """Build the graph of a recipe, whose network is None if it is the included one. Returns an objection or None.

        digest: of the network.
        """
        import vgg
        from brushwork.engine.tile_graph import TileGraph

        if recipe.network is None:
            recipe = replace(recipe, network=vgg.load("pocket"))
        if recipe.network.digest != digest:
            return "it has other weights of the network"
        self.close()
        self._graph = TileGraph(recipe)
        return None

    def begin(self, begun: Begin) -> None:
        """Begin a pass."""
        before, self._begun = self._begun, begun
        if before is None or before.inputs != begun.inputs:
            self._fields.clear()
        if before is None or before.picture != begun.picture:
            self._pixels.clear()
        if begun.constants is not None:
            self._constants = begun.constants
        for tile in begun.forgotten:
            self._fields.pop(tile, None)
            self._pixels.pop(tile, None)

    def run(self, call: TileCall) -> TileResult | Failure:
        """Compute the outputs of a tile."""
        import tensorflow.compat.v1 as tf

        from brushwork.errors import Interrupted

        if call.pixels is not None:
            self._pixels[call.tile] = call.pixels
        if call.fields is not None:
            self._fields[call.tile] = call.fields
        feeds = {**self._pixels[call.tile], **self._fields[call.tile], **self._constants, **self._begun.sum_gradients}
        try:
            if self._is_stopped:
                return Failure("stopped")
            return TileResult(self._graph.run(call.outputs, feeds))
        except (MemoryError, tf.errors.ResourceExhaustedError):
            return Failure(MEMORY)
        except Interrupted:
            return Failure("stopped")

    async def stop(self) -> None:
        """Abandon what is computed, and compute nothing more."""
        self._is_stopped = True
        if self._graph is not None:
            self._graph.cancel()

    def close(self) -> None:
        """Close the session."""
        if self._graph is not None:
            self._graph.__exit__(None, None, None)
            self._graph = None
