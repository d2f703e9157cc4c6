"""The graph of one tile: arrays in and arrays out, by name.

Inputs:
    "image"                [H, W, 3], RGB, 0..255: the tile with its margin
    "place"                int32 [8]: Tile.place
    "style/target/relu1_1" and others: the inputs of the terms
    "sums/...", "sum_gradients/...": see "losses" and "gradient"

Outputs:
    "untiled"              (losses, gradient) of a picture in one piece
    "sums"                 the sums of the terms over the core of a tile, as far as the total depends on them
    "losses"               (losses, sum gradients) of the picture with the given sums
    "gradient"             of the sum of g s over the sums s of a tile and their given gradients g: [H, W, 3]
    "features/LAYER"       [h, w, C], the positions of a layer in the core
    "style_sums/TERM"      Term.style_sums over the core
"""

import functools
from collections.abc import Callable, Sequence
from concurrent import futures
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

import vgg
from brushwork.engine import session
from brushwork.engine.session import Cancellable, open_session, without_collection
from brushwork.engine.term import Constant, Pixels, Term, map_named, named_leaves
from brushwork.network import operations
from brushwork.network.layers import stride
from brushwork.schedule import margin

PADDING = 16  # px by which the border of a picture is continued outwards; a multiple of TILE_GRID


@dataclass(frozen=True)
class Recipe:
    """What a TileGraph is built of. On processors of a kind, graphs of the same Recipe compute the same numbers."""

    network: vgg.Network  # the image has the type of its mean_pixel
    terms: Sequence[Term]
    precision: str  # of the network: "float32" or "bfloat16"
    pooling: str  # as for vgg.build
    padding: str  # "zero", or "replicate": the border of pictures is continued by PADDING px
    kernels: operations.Kernels | None = None  # None: the fastest ones
    config: bytes | None = None  # of the session, a serialised tf.ConfigProto; None: session.options

    @property
    def network_type(self) -> tf.DType:
        """The type of the features."""
        return tf.bfloat16 if self.precision == "bfloat16" else tf.as_dtype(self.network.mean_pixel.dtype)

    def completed(self) -> "Recipe":
        """This Recipe with everything chosen that is left to the machine."""
        kernels = self.kernels or operations.fastest(self.network_type, self.pooling)
        config = session.serialised_options() if self.config is None else self.config
        return replace(self, kernels=kernels, config=config)


class TileGraph:
    """The graph of a tile and its session; a context manager."""

    def __init__(self, recipe: Recipe):
        """Raises KeyError if the network lacks a layer of the terms."""
        self.recipe = recipe = recipe.completed()
        network, terms = recipe.network, recipe.terms
        self.graph, self.padding = tf.Graph(), PADDING if recipe.padding == "replicate" else 0
        self.layers = list(dict.fromkeys(layer for term in terms for layer in term.layers))
        self.margin = margin(self.layers)
        self.field_strides: dict[str, int] = {}  # input with a value for each cell -> px between its cells
        self._terms, self._dtype, self._network_dtype = terms, network.mean_pixel.dtype, recipe.network_type
        self._placeholders, self._outputs = {}, {}
        with self.graph.as_default(), without_collection():
            self._image = self._placeholder("image", self._dtype, [None, None, 3])
            self._place = self._placeholder("place", tf.int32, [8])
            convolutions, weights = vgg.variables(network, self._network_dtype, layers=self.layers)
            centred = tf.cast(self._image - network.mean_pixel, self._network_dtype)[tf.newaxis]  # [1, H, W, 3]
            origin = tf.unstack(self._place[4:6])
            how = {"pooling": recipe.pooling, "origin": origin, "kernels": recipe.kernels}
            built = vgg.build(centred, convolutions, layers=self.layers, **how)
            self._features = {layer: tf.squeeze(net, 0) for layer, net in built.items()}  # [h, w, C]
            self._cores = {layer: self._core(net, stride(layer)) for layer, net in self._features.items()}
            channels = {layer: int(net.shape[-1]) for layer, net in self._features.items()}
            self._inputs = {term.name: map_named(self._input, term.inputs(channels), term.name) for term in terms}
            self._session = Cancellable(open_session(self.graph, recipe.config))
            self._session.run(tf.global_variables_initializer(), weights)

    def __enter__(self) -> "TileGraph":
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    def run(self, outputs: Any, feeds: dict[str, np.ndarray]) -> Any:
        """The arrays of an output, or of a list of outputs, for {input: array}. Raises Interrupted after `cancel`."""
        tensors = [self._output(name) for name in outputs] if isinstance(outputs, list) else self._output(outputs)
        return self._session.run(tensors, {self._placeholders[name]: array for name, array in feeds.items()})

    def cancel(self) -> None:
        """Make the run that another thread waits for raise Interrupted, and every later one."""
        self._session.cancel()

    @property
    def cancelled(self) -> futures.Future:
        """Done after `cancel`."""
        return self._session.cancelled

    def has_ended(self, seconds: float) -> bool:
        """Whether a cancelled run has ended, after so many seconds at most."""
        return self._session.has_ended(seconds)

    def feature_type(self) -> np.dtype:
        """bfloat16, or the type of the image."""
        return self._network_dtype.as_numpy_dtype

    def channels(self, layer: str) -> int:
        """The number of a layer's channels."""
        return int(self._features[layer].shape[-1])

    def _placeholder(self, name: str, dtype, shape):
        """The placeholder of this name; the first call makes it."""
        if name not in self._placeholders:
            self._placeholders[name] = tf.placeholder(dtype, shape, name=name)
        return self._placeholders[name]

    def _input(self, name: str, kind):
        """The placeholder of a term's Field or Constant."""
        if isinstance(kind, Constant):
            return self._placeholder(name, self._dtype, kind.shape)
        self.field_strides[name] = stride(kind.layer) if kind.layer else 1
        dtype = self._network_dtype if kind.of_features else self._dtype
        return self._placeholder(name, dtype, [None, None, kind.channels])

    def _output(self, name: str):
        """The tensors of an output; they are added to the graph on first use, since few runs need all of them."""
        if name not in self._outputs:
            kind, _, of = name.partition("/")
            build = self._builders[kind]
            with self.graph.as_default(), without_collection():
                self._outputs[name] = build(of) if of else build()
        return self._outputs[name]

    @functools.cached_property
    def _builders(self) -> dict[str, Callable]:
        return {
            "untiled": self._build_untiled,
            "sums": lambda: {name: self._tile_sums[name] for name in self._output("losses")[1]},
            "losses": self._build_losses,
            "gradient": self._build_gradient,
            "features": self._cores.__getitem__,
            "style_sums": self._build_style_sums,
        }

    def _build_untiled(self):
        """(losses, gradient with respect to the padded image) of a picture in one piece."""
        if self.padding:
            sums = self._sums(self._core_pixels(), self._cores)
        else:
            sums = self._sums(Pixels(self._image, self._image), self._features)
        losses = self._losses(sums)
        return losses, tf.gradients(losses["total"], self._image)[0]

    def _build_losses(self):
        """(losses, {sum: the gradient of the total with respect to it}) of given sums, as far as they matter."""
        given = map_named(lambda name, each: self._placeholder(name, each.dtype, each.shape), self._nested_sums, "sums")
        losses, leaves = self._losses(given), named_leaves(given, "sums")
        gradients = dict(zip(leaves, tf.gradients(losses["total"], list(leaves.values())), strict=True))
        return losses, {name: gradient for name, gradient in gradients.items() if gradient is not None}

    def _build_gradient(self):
        """The gradient of the sum of g s over the sums s of a tile and their gradients g, with respect to the tile."""
        sums = self._output("sums")
        given = [self._placeholder(f"sum_gradients/{name}", each.dtype, each.shape) for name, each in sums.items()]
        return tf.gradients(list(sums.values()), self._image, given)[0]

    def _build_style_sums(self, name: str):
        term = next(term for term in self._terms if term.name == name)
        return term.style_sums(self._cores, self._inputs[name])

    @functools.cached_property
    def _nested_sums(self):
        """{term: its sums over the core of the tile}."""
        return self._sums(self._core_pixels(), self._cores)

    @functools.cached_property
    def _tile_sums(self):
        return named_leaves(self._nested_sums, "sums")

    def _sums(self, pixels: Pixels, features: dict):
        return {term.name: term.sums(pixels, features, self._inputs[term.name]) for term in self._terms}

    def _losses(self, sums: dict) -> dict:
        """{name: loss}: each term's, their total, and the parts of terms that have several, as "style/relu1_1"."""
        totals, parts = {}, {}
        for term in self._terms:
            losses = term.losses(sums[term.name], self._inputs[term.name])
            totals[term.name] = sum(losses.values(), tf.zeros([], self._dtype))
            parts |= {name: loss for name, loss in losses.items() if name != term.name}
        return totals | {"total": sum(totals.values(), tf.zeros([], self._dtype))} | parts

    def _core_pixels(self) -> Pixels:
        """The pixels of the tile's core."""
        top, left, height, width = tf.unstack(self._place[:4])
        more = self._place[6:]
        extended = tf.slice(self._image, [top, left, 0], [height + more[0], width + more[1], 3])
        return Pixels(extended[:height, :width], extended)

    def _core(self, features, step: int):
        """The cells [h, w, C] of a layer in the tile's core; step: px between cells."""
        top, left, height, width = tf.unstack(self._place[:4])
        size = [(height + step - 1) // step, (width + step - 1) // step, -1]
        result = tf.slice(features, [top // step, left // step, 0], size)
        result.set_shape([None, None, features.shape[-1]])
        return result
