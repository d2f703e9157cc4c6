"""The method of Gatys, Ecker and Bethge 2015: the terms of the loss, and the images on the way to its minimum.

    with make_objective(network, settings) as objective:
        for step in stylize(objective, content, [style], settings):
            ...

Pictures are float32 [H, W, 3], RGB, 0..255; there are no files here.
"""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

import vgg
from brushwork import checks
from brushwork.engine.evaluator import TileMap, map_here
from brushwork.engine.objective import Objective
from brushwork.engine.sums import Moments, Total, count_of, neighbour_differences, squared_error
from brushwork.engine.term import Constant, Field, Measure, Pixels, Term
from brushwork.errors import Diverged
from brushwork.losses.nearest import Nearest
from brushwork.losses.style import StyleTerm
from brushwork.losses.transported import Transport
from brushwork.losses.wasserstein import Wasserstein
from brushwork.network.layers import stride
from brushwork.optimizers.adam import Adam
from brushwork.optimizers.coordinates import Spectral
from brushwork.optimizers.lbfgs import LBFGS
from brushwork.pictures import saliency, sizes
from brushwork.pictures.colors import postprocess, recolor
from brushwork.pictures.masks import NO_MASKS, Masks, average_pool
from brushwork.pictures.palette import with_palette
from brushwork.schedule import make_schedule
from brushwork.settings import STARTS, Settings
from brushwork.state import State, upscale

__all__ = ["Diverged", "Masks", "Objective", "Settings", "State", "Step", "make_objective", "make_terms", "stylize"]

SPECTRAL_EXPONENT = 0.35  # of the coordinates of L-BFGS; from 0.3 to 0.5 all do equally well, larger ones worse
NEAREST_SHARE = 0.6  # of the final width: the smallest scale in which nearest features count beside another style loss
NOISE = 0.256  # standard deviation of the noise around the mean pixel, on the scale of 0..255


@dataclass(frozen=True)
class Content(Term):
    """The content loss: the squared error of the features F from those of the content, P, at some layers.

    normalization: "mean": mean((F - P)^2); "sum": sum((F - P)^2) / 2, equation 1 of Gatys et al. 2015; "relative":
    mean((F - P)^2) / mean(P^2), which makes layers and networks comparable.
    """

    weights: Mapping[str, float]  # {layer: weight}
    normalization: str = "mean"
    detail: float = 0.0  # how much less the content counts where it is smooth, 0..1
    has_mask: bool = False  # whether a mask says where the content counts
    transport: Transport | None = None  # moves P to the statistics of the styles

    name = "content"

    @property
    def layers(self) -> list[str]:
        return list(self.weights)

    def inputs(self, channels: Mapping[str, int]) -> Mapping:
        is_weighted = self.has_mask or self.detail > 0
        return {
            "target": {layer: Field(channels[layer], layer, of_features=True) for layer in self.layers},
            "mean_square": {layer: Constant() for layer in self.layers},  # of the target
            "mask": {layer: Field(1, layer) for layer in self.layers if is_weighted},
            **(self.transport.inputs(self.layers) if self.transport else {}),
        }

    def targets(
        self, content: np.ndarray, styles: Sequence[np.ndarray], masks: Masks, measure: Measure
    ) -> Mapping[str, dict[str, np.ndarray]]:
        features = measure.features(content)
        if self.transport:
            features = self.transport.moved(features, styles, masks, measure)
        squares = {layer: np.square(array.astype(content.dtype)) for layer, array in features.items()}
        targets = {"target": features, "mean_square": {name: _mean(each) or 1.0 for name, each in squares.items()}}
        weights = saliency.content_weights(content, self.detail, masks.content)
        if weights is None:
            return targets
        return targets | {"mask": {name: average_pool(weights, stride(name))[:, :, np.newaxis] for name in self.layers}}

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> dict[str, Total]:
        target, mask = inputs["target"], inputs["mask"]
        return {layer: squared_error(features[layer], target[layer], mask.get(layer)) for layer in self.layers}

    def losses(self, sums: Mapping[str, Total], inputs: Mapping) -> dict[str, tf.Tensor]:
        losses = {}
        for layer, weight in self.weights.items():
            error = weight * sums[layer].sum
            if self.normalization == "sum":
                losses[f"content/{layer}"] = error / 2
            else:
                mean = error / sums[layer].count
                relative = self.normalization == "relative"
                losses[f"content/{layer}"] = mean / inputs["mean_square"][layer] if relative else mean
        return losses

    def style_sums(self, features: Mapping, inputs: Mapping) -> Mapping:
        if not self.transport:
            return {}
        return self.transport.style_sums({layer: features[layer] for layer in self.layers}, inputs)


@dataclass(frozen=True)
class Gram(StyleTerm):
    """The style loss: the distance of the image's Gram matrices G from those of the style, A, layer by layer.

    For n positions of C channels with features F [n, C], by normalization: "classic": G = F'F / (n C),
    mean((G - A)^2); "positions": G = F'F / n, otherwise the same; "sums": equations 3 to 5 of Gatys et al. 2015,
    sum((F'F - A)^2) / (4 C^2 n^2), with A in the image's n.
    """

    normalization: str = "classic"

    def target_inputs(self, channels: int) -> Constant:
        return Constant((self.target_count, channels, channels))

    def target(self, style: Moments) -> np.ndarray:
        """A = F'F / (n C) of K styles: [K, C, C]."""
        return style.second / style.second.shape[-1]

    def distances(self, sums: Mapping[str, Moments], targets: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """{layer: mean((G - A)^2) in this normalisation, [K]} for targets A [K, C, C]."""
        distances = {}
        for layer, target in targets.items():
            channels = int(target.shape[-1])
            gram = sums[layer].second / tf.reshape(sums[layer].count * channels, [-1, 1, 1])  # [K, C, C]
            squares = [2 * tf.nn.l2_loss(each) for each in tf.unstack(gram - target)]
            distances[layer] = self._scale(channels) / channels**2 * tf.stack(squares)
        return distances

    def blend_variance(self, styles: Moments, blend: Moments, shares: np.ndarray) -> float:
        """sum_i b_i mean((A_i - A)^2) for the blend A = sum_i b_i A_i.

        It does not depend on the image: sum_i b_i mean((G - A_i)^2) = mean((G - A)^2) + this constant.
        """
        differences = self.target(styles) - self.target(blend)
        return self._scale(differences.shape[-1]) * float(np.dot(shares, np.square(differences).mean(axis=(1, 2))))

    def _scale(self, channels: int) -> float:
        """The factor from the classic loss to the loss in this normalisation."""
        return {"classic": 1, "positions": channels**2, "sums": channels**2 / 4}[self.normalization]


@dataclass(frozen=True)
class Variation(Term):
    """The variation loss of the differences of vertical and horizontal neighbours, which makes pictures smoother.

    norm: "squares": the mean of the squared ones, for either direction; "absolute": the sum of the absolute ones, on a
    scale of 0..1 (total variation).
    """

    weight: float
    norm: str = "squares"

    name = "tv"

    def sums(self, pixels: Pixels, features: Mapping, inputs: Mapping) -> dict[str, Total]:
        def total(difference):
            squares = self.norm == "squares"
            return 2 * tf.nn.l2_loss(difference) if squares else tf.reduce_sum(tf.abs(difference)) / 255

        return {name: Total(total(each), count_of(each)) for name, each in neighbour_differences(pixels).items()}

    def losses(self, sums: Mapping[str, Total], inputs: Mapping) -> dict[str, tf.Tensor]:
        down, across = (
            each.sum / tf.maximum(each.count, 1) if self.norm == "squares" else each.sum
            for each in (sums["down"], sums["across"])
        )
        return {"tv": self.weight * (down + across)}


def make_terms(settings: Settings, masks: Masks = NO_MASKS) -> list[Term]:
    """The terms of the loss that the settings choose, for these kinds of masks."""
    margin, moves = settings.style_margin, settings.content_transport > 0
    content = Content(
        settings.content_layer_weights,
        normalization=settings.content_normalization,
        detail=settings.content_detail,
        has_mask=masks.content is not None,
        transport=Transport(settings.content_transport, settings.blend, margin, bool(masks.sources)) if moves else None,
    )
    losses, count = settings.style_losses, len(masks.styles)
    kind = Wasserstein if "wasserstein" in losses else partial(Gram, normalization=settings.normalization)
    style = kind(
        settings.style_layer_weights,
        blend=settings.blend,
        mask_count=count,
        has_sources=bool(masks.sources),
        margin=margin,
    )
    terms = [content, style, Variation(settings.tv_weight, settings.tv_norm)]
    if "nearest" in losses:
        share = NEAREST_SHARE if settings.style_layer_weights else 0.0
        values = {"mask_count": count, "margin": margin, "smallest_share": share}
        terms.insert(2, Nearest(settings.nearest_layer_weights, settings.blend, **values))
    return terms


def make_objective(
    network: vgg.Network,
    settings: Settings,
    masks: Masks = NO_MASKS,
    *,
    precision: str | None = None,
    terms: Sequence[Term] | None = None,
    threads: int = 0,
    map_tiles: TileMap = map_here,
) -> Objective:
    """The Objective of the settings' loss, or of `terms`; a context manager. See Objective for the arguments."""
    terms = make_terms(settings, masks) if terms is None else terms
    return Objective(network, settings, terms, masks, precision=precision, threads=threads, map_tiles=map_tiles)


def _mean(array: np.ndarray) -> float:
    return float(array.mean(dtype=np.float64))


class Step(NamedTuple):
    """One iteration. `losses` are those of `image`; `kept` is what the run would give if it ended here."""

    iteration: int  # 0 is the start; counted over all scales
    scale: int  # 0 is the coarsest
    image: np.ndarray  # [H, W, 3], RGB, may exceed 0..255
    losses: dict[str, float]  # "content", "style", "tv" and "total", their sum; and those of the layers
    kept: np.ndarray  # the image of lowest total so far, or this one, as settings.keep says
    lowest: float  # the total of `kept`
    # `state` and `picture` are valid until the next step, also after an evaluation that was interrupted.
    state: Callable[[], State]  # what a run can be resumed from
    picture: Callable[[], np.ndarray]  # what would be saved: [H, W, 3] of the content's size, in the colours asked for
    end_scale: Callable[[], None]  # makes this the last step of its scale

    @property
    def term_losses(self) -> dict[str, float]:
        """The losses of the terms and their total, without those of layers, in the order in which they are reported."""
        return {name: loss for name, loss in self.losses.items() if "/" not in name}


def stylize(
    objective: Objective,
    content: np.ndarray,
    styles: Sequence[np.ndarray],
    settings: Settings,
    *,
    initial: np.ndarray | Callable[[np.ndarray, int], np.ndarray] | None = None,
    masks: Masks = NO_MASKS,
    resume: State | None = None,
    tile_sizes: Sequence[int | None] | None = None,
) -> Generator[Step, None, None]:
    """Yield a Step for the start and for each iteration at each scale; fewer if no step lowers the loss.

    objective: made for these settings and kinds of masks. content: [H, W, 3]; styles: [h, w, 3], each of its own size.
    initial: [H, W, 3], the picture to start from, if settings.initial is a path; or a function that is given the first
    image of each scale and its number, 0 for the coarsest, and returns the one to begin with, which is a Step of its
    own. masks: in the sizes of these pictures. resume: the State to go on from; its step is the first one. tile_sizes:
    px for each scale; see set_targets.
    A scale after the first begins with the picture of the one before, resized, and with Adam's moments.
    Raises Diverged as soon as a loss is not finite; the step before holds the last good picture. Raises ValueError for
    a setting that cannot be honoured: sizes that are not those of the pictures, losses that are not the objective's.
    """
    picture = None if callable(initial) else initial
    given = {"initial": picture, "resume": resume, "tile_sizes": tile_sizes}
    checks.check_call(settings, content, styles, masks, made_with=getattr(objective, "settings", None), **given)
    initial = _initial(settings, content, styles) if initial is None else initial
    styles, state = [recolor(style, content, settings) for style in styles], resume
    palette = {"strength": settings.content_palette, "margin": settings.style_margin, "masks": masks}
    model = with_palette(content, styles, blend=settings.blend(len(styles)), **palette)

    for scale, size in enumerate(make_schedule(settings, *content.shape[:2]).sizes):
        if resume and scale < resume.scale:
            continue
        share = size[1] / content.shape[1]
        small, *small_styles = (_scaled(picture, share) for picture in (model, *styles))
        small_masks = masks.resize(small.shape[:2], [style.shape[:2] for style in small_styles])
        tiles = {"tile_size": tile_sizes[scale]} if tile_sizes else {}
        objective.set_targets(small, small_styles, small_masks, share=share, **tiles)
        if state is None or state.scale < scale:
            state = _first_state(state, scale, small, initial, objective.mean_pixel, settings)
        # Without a function, a later scale starts with a picture that was yielded already.
        begins = state is resume or scale == 0 or callable(initial)
        state = yield from _at_scale(objective, content, settings, state, begins)


def _initial(settings, content, styles):
    """The picture that a run without a picture of its own starts from; None: the content or noise."""
    if settings.initial not in STARTS:
        raise ValueError(f"the settings start from {settings.initial}; pass that picture as `initial`")
    return sizes.cover(styles[0], *content.shape[:2]) if settings.initial == "style" else None


def _first_state(before, scale, content, initial, mean_pixel, settings):
    """The State in which a scale begins. before: that in which the one before it ended, or None.

    content: at this scale. initial: as for `stylize`.
    """
    if before is not None:
        state = upscale(before, content.shape[:2], moments=settings.optimizer == "adam")
    else:
        share = None if initial is None or callable(initial) else content.shape[1] / initial.shape[1]
        first = None if share is None else _scaled(initial, share)
        image = start_image(content, first, mean_pixel, settings)
        state = State(scale, 0, image, image, np.inf, {})
    if not callable(initial):
        return state
    image = initial(state.image, scale)
    return state._replace(image=image, kept=image)


def _scaled(picture, share):
    """A picture at a share of its width, in its own proportions; the picture itself at all of it."""
    return picture if share == 1 else sizes.resize_to_width(picture, sizes.pixels(picture.shape[1], share))


def _at_scale(objective, content, settings, state, begins):
    """Yield the Steps of a scale after `state`, and its own if the run `begins` with it; return the last State."""
    here, ended = make_schedule(settings, *content.shape[:2]).scales[state.scale], []
    optimizer = _optimizer(_evaluate_with_targets(objective), state.image, settings, state.optimizer)

    def with_snapshot(state):
        return state._replace(optimizer=optimizer.snapshot())

    with closing(optimizer):
        first, last = state.index, max(state.index, here.iterations)
        for index, (image, losses) in enumerate(islice(optimizer, last - first + 1), start=first):
            if not np.isfinite(losses["total"]):
                raise Diverged(f"the loss is not finite at iteration {here.before + index}")
            state = state._replace(index=index, image=image)
            if settings.keep == "last" or losses["total"] < state.lowest:
                state = state._replace(kept=image, lowest=losses["total"])
            if begins or index > first:
                snapshot = partial(with_snapshot, state)
                picture = partial(postprocess, state.kept, content, settings)
                about = here.before + index, state.scale, image, losses, state.kept, state.lowest
                yield Step(*about, snapshot, picture, partial(ended.append, True))
            if ended:
                break
        return with_snapshot(state)


def _evaluate_with_targets(objective):
    """objective.evaluate, which raises ValueError once the objective has other targets than now."""
    targets = getattr(objective, "targets", None)

    def evaluate(image):
        if getattr(objective, "targets", None) is not targets:
            raise ValueError("the objective has the targets of another run now; make an objective for each of them")
        return objective.evaluate(image)

    return evaluate


def _optimizer(evaluate, start, settings, resume):
    """The optimiser that the settings choose, an iterator over (image, losses)."""
    if settings.optimizer == "lbfgs":
        coordinates, pairs = Spectral(start.shape, SPECTRAL_EXPONENT), settings.lbfgs_memory
        return LBFGS(evaluate, start, pairs=pairs, coordinates=coordinates, box=settings.box, resume=resume)
    return Adam(
        evaluate,
        start,
        learning_rate=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        epsilon=settings.epsilon,
        box=settings.box,
        resume=resume,
    )


def start_image(
    content: np.ndarray, initial: np.ndarray | None, mean_pixel: np.ndarray, settings: Settings
) -> np.ndarray:
    """The first image: a share r of noise around the mean pixel, and 1 - r of `initial`, or else of the content.

    r is settings.initial_noiseblend; by default 1 for a start from noise and 0 for any other. content, initial:
    [H, W, 3], RGB, 0..255, of one size; mean_pixel: [3]. Returns [H, W, 3] of the content's type, which may exceed
    0..255 unless settings.box.
    """
    share = settings.initial_noiseblend
    if share is None:
        share = 1.0 if initial is None and settings.initial == "noise" else 0.0
    base = (content if initial is None else initial) - mean_pixel
    noise = np.random.default_rng(settings.seed).normal(0, NOISE, content.shape)
    image = ((1 - share) * base + share * noise + mean_pixel).astype(content.dtype)
    return np.clip(image, 0, 255) if settings.box else image
