"""Terms of the loss: the contract between a formula and the engine that evaluates it for pictures of any size."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from brushwork.pictures.masks import Masks


class Field(NamedTuple):
    """An input with a value for each pixel, or for each position of a layer; it is cut into tiles as the picture is.

    Its array is [H, W, channels], or [ceil(H / stride), ceil(W / stride), channels] for a layer. `Term.sums` is given
    the part of a tile's core, [h, w, channels].
    """

    channels: int
    layer: str | None = None  # None: the pixels
    of_features: bool = False  # whether it has the precision of the network's features, and not that of the image


class Constant(NamedTuple):
    """An input with one value for the whole picture, such as the target of a sum; constant while a target is."""

    shape: tuple[int | None, ...] = ()


class Pixels(NamedTuple):
    """The pixels of a tile, tensors."""

    core: Any  # [h, w, 3], RGB, 0..255: each pixel of the picture is in the core of exactly one tile
    extended: Any  # the core, with one more row and one more column where the picture goes on: [h or h + 1, ..., 3]


class Measure(Protocol):
    """Evaluates whole pictures for a term that computes its targets."""

    share: float  # the width of this scale, divided by the width of the last scale

    def features(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """The features of the term's layers for a picture [H, W, 3]: {layer: [h, w, C]}, in the network's precision."""

    def style_sums(self, style: np.ndarray, fields: Mapping) -> Any:
        """`Term.style_sums` of a style picture [H, W, 3], added up over all of it: float64 arrays, nested as there."""


class Term:
    """A part of the loss. It alone knows its formula, its layers, its targets and its normalisation.

    Nested values are dictionaries, named tuples or sequences. Each of their leaves has a name, made of the term's name
    and the keys on the way: "style/target/relu1_1".
    """

    name: str  # of its loss, without "/"
    layers: Sequence[str] = ()  # whose features it needs

    def inputs(self, channels: Mapping[str, int]) -> Mapping:
        """What `sums`, `style_sums` and `losses` are given beside the image: nested Fields and Constants.

        channels: {layer: the number of its channels}.
        """
        return {}

    def targets(
        self, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks, measure: Measure
    ) -> Mapping[str, Any]:
        """The values of the inputs for a content [H, W, 3], styles [h, w, 3] and masks, nested as `inputs`.

        Inputs that only `style_sums` uses are left out.
        """
        return {}

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> Any:
        """Nested tensors, each a sum over the positions of a tile. The sums of all tiles are added up.

        features: {layer: [h, w, C]}, of the tile's core. inputs: as `inputs`, with tensors for its leaves.
        """
        raise NotImplementedError

    def losses(self, sums: Any, inputs: Mapping) -> dict[str, Any]:
        """{name: scalar tensor} of the sums of a picture; their sum is the term's loss.

        Each name is that of the term, or begins with it and "/", as "style/relu1_1". Only Constants may be used here.
        """
        raise NotImplementedError

    def style_sums(self, features: Mapping, inputs: Mapping) -> Any:
        """Sums over the positions of a style picture, of which targets are made; nested tensors."""
        return {}


def map_named(function: Callable[[str, Any], Any], nested: Any, name: str = "") -> Any:
    """`nested` with function(name, leaf) for each leaf. Leaves are whatever is no dictionary, sequence or bundle."""

    def inside(key, value):
        return map_named(function, value, f"{name}/{key}" if name else str(key))

    if isinstance(nested, Mapping):
        return {key: inside(key, value) for key, value in nested.items()}
    if isinstance(nested, Field | Constant) or not isinstance(nested, tuple | list):
        return function(name, nested)
    if hasattr(nested, "_fields"):
        return type(nested)(*map(inside, nested._fields, nested))
    return [inside(index, value) for index, value in enumerate(nested)]


def named_leaves(nested: Any, name: str = "") -> dict[str, Any]:
    """{name: leaf} of a nested value."""
    leaves = {}
    map_named(leaves.__setitem__, nested, name)
    return leaves
