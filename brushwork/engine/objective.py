"""The objective: the loss of an image and its gradient, as a sum of terms whose targets are set before."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf

import vgg
from brushwork.digest import digest_of
from brushwork.engine import memory
from brushwork.engine.evaluator import Evaluator, TileMap, map_here
from brushwork.engine.session import chosen_precision, serialised_options
from brushwork.engine.term import Term, named_leaves
from brushwork.engine.tile_graph import Recipe, TileGraph
from brushwork.errors import NetworkError
from brushwork.network.operations import Kernels
from brushwork.pictures.arrays import check_masks, check_pictures
from brushwork.pictures.masks import NO_MASKS, Masks, check_kinds
from brushwork.settings import TILE_GRID, Settings

LARGEST_FEATURE = 1e15  # sums of its square over a picture are finite in float32
CACHED_STYLES = 32  # style pictures whose sums are kept, about 5 MB each


class Objective:
    """evaluate(image) -> (losses, gradient), once `set_targets` has been called.

    The content, the styles and the image pass through the same graph, so that a target and what is compared with it
    are the same statistic. A context manager: it holds a TensorFlow session.
    """

    def __init__(
        self,
        network: vgg.Network,
        settings: Settings,
        terms: Sequence[Term],
        masks: Masks = NO_MASKS,
        *,
        precision: str | None = None,
        threads: int = 0,
        map_tiles: TileMap = map_here,
    ):
        """terms: of the loss; stylize.make_terms makes those of the settings.

        masks: which of them are given, and how many; `set_targets` takes them in their sizes. precision: "float32" or
        "bfloat16", of the network; by default what settings.precision chooses. threads: of an operation, which affects
        rounding; 0: one for each core. map_tiles: where tiles are computed. Raises KeyError if the network lacks a
        layer of the terms, and ValueError if two terms have the same name or if there is no such precision.
        """
        if precision not in (None, "float32", "bfloat16"):
            raise ValueError(f"the precision is float32 or bfloat16, not {precision}")
        names = [term.name for term in terms]
        if len({*names, "total"}) <= len(names):
            raise ValueError(f"each term needs a name of its own, other than total: {', '.join(names)}")
        self.settings, self.mean_pixel = settings, network.mean_pixel
        self.precision = precision or chosen_precision(settings.precision)
        self._network, self._terms, self._masks = network, tuple(terms), masks
        recipe = Recipe(
            network,
            self._terms,
            precision=self.precision,
            pooling=settings.pooling,
            padding=settings.padding,
            kernels=Kernels() if settings.deterministic else None,
            config=serialised_options(threads),
        )
        self._tile_graph = TileGraph(recipe)
        self._evaluator = Evaluator(self._tile_graph, map_tiles)
        self._style_sums = StyleSums(self._evaluator)
        self._inputs: dict[str, np.ndarray] = {}
        self._shape, self._is_closed = None, False  # the content's shape

    def __enter__(self) -> "Objective":
        return self

    def __exit__(self, *exception: object) -> None:
        self._is_closed = True
        self._tile_graph.__exit__(*exception)

    @property
    def graph(self) -> tf.Graph:
        """The TensorFlow graph of a tile."""
        return self._tile_graph.graph

    @property
    def targets(self) -> Mapping[str, np.ndarray]:
        """The inputs of the terms: another object after each call of `set_targets`."""
        return self._inputs

    def set_targets(
        self,
        content: np.ndarray,
        styles: Sequence[np.ndarray],
        masks: Masks = NO_MASKS,
        *,
        tile_size: int | str | None = "auto",
        share: float = 1.0,
    ) -> None:
        """Set what images are compared with: a content [H, W, 3] and styles [h, w, 3], float32, RGB, 0..255.

        masks: in the sizes of these pictures. tile_size: px; None: untiled; "auto": what the settings say and the
        memory allows. share: the width of this scale, divided by that of the last scale. Raises DoesNotFit,
        NetworkError if features are too large, and ValueError for arrays that are no pictures, masks of other kinds or
        sizes, and after the end of the context.
        """
        self._check_open()
        check_pictures(content, styles)
        check_kinds(masks, self._masks, len(styles))
        check_masks(masks, content, styles)
        if tile_size == "auto":
            size, *style_sizes = (picture.shape[:2] for picture in (content, *styles))
            workload = (self._network, self.settings, self.precision, size, style_sizes, len(masks.styles))
            tile_size = memory.tile_size_for(memory.Workload(*workload))
        if tile_size is not None and not (isinstance(tile_size, int) and tile_size >= TILE_GRID):
            raise ValueError(f"a tile size is a number of pixels, at least {TILE_GRID}, or None, not {tile_size!r}")
        self._evaluator.tile_size = tile_size
        self._inputs, self._shape = {}, content.shape
        for term in self._terms:
            measure = _Measure(self._evaluator, self._style_sums, term, share)
            self._inputs |= named_leaves(term.targets(content, styles, masks, measure), term.name)

    def evaluate(self, image: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
        """({name: loss}, gradient of the total) of an image; image and gradient: float32 [H, W, 3], RGB, 0..255.

        The losses are each term's, such as "content", "style" and "tv", their "total", and each layer's, as
        "style/relu1_1". The total is NaN if a matrix of the features is not finite.
        Raises DoesNotFit where memory runs out even in small tiles.
        """
        self._check_open()
        if self._shape is None or np.shape(image) != self._shape:
            raise ValueError(f"the image is {list(np.shape(image))}; set_targets has a content of {self._shape}")
        try:
            return self._evaluator.evaluate(image, self._inputs)
        except tf.errors.InvalidArgumentError as error:
            if "eigen" not in error.message:
                raise
            return {"total": np.nan}, np.full_like(image, np.nan)

    def _check_open(self):
        if self._is_closed:
            raise ValueError("the objective is closed; make another one")

    def cancel(self) -> None:
        """Make the evaluation that another thread waits for raise Interrupted, and every later one."""
        self._tile_graph.cancel()

    def has_ended(self, seconds: float) -> bool:
        """Whether a cancelled evaluation has ended, after so many seconds at most."""
        return self._tile_graph.has_ended(seconds)


class StyleSums:
    """The sums of style pictures. Those of the last CACHED_STYLES are kept, as many pictures of a batch share them."""

    def __init__(self, evaluator: Evaluator):
        self._evaluator, self._known = evaluator, {}

    def of(self, term: Term, style: np.ndarray, fields: Mapping[str, np.ndarray]) -> Any:
        """The `style_sums` of a term for a style picture [H, W, 3]; fields: {input: array}."""
        key = term.name, digest_of(style, *fields.values())
        known = self._known.pop(key, None)
        if known is None:
            known = self._evaluator.total(style, f"style_sums/{term.name}", fields)
        self._known[key] = known  # the latest comes last
        if len(self._known) > CACHED_STYLES:
            del self._known[next(iter(self._known))]
        return known

    def clear(self) -> None:
        """Forget all sums, as if the objective were new."""
        self._known.clear()


class _Measure:
    """See term.Measure."""

    def __init__(self, evaluator: Evaluator, style_sums: StyleSums, term: Term, share: float):
        self._evaluator, self._style_sums, self._term, self.share = evaluator, style_sums, term, share

    def features(self, picture):
        features = self._evaluator.features(picture, list(self._term.layers))
        return _checked(features, LARGEST_FEATURE)

    def style_sums(self, style, fields):
        sums = self._style_sums.of(self._term, style, named_leaves(fields, self._term.name))
        return _checked(sums, np.finfo(np.float32).max)


def _checked(values, largest):
    """Nested arrays of features or their sums. Raises NetworkError if some are too large, or not finite."""
    if not all((np.abs(array) <= largest).all() for array in named_leaves(values).values()):
        raise NetworkError("the features of this network are too large to compute with; so are its weights")
    return values
