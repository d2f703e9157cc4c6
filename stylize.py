"""The method: the loss of Gatys, Ecker and Bethge 2015, and the images on the way to its minimum.

The loss is `losses(statistics(...))`. An `Objective` evaluates it, and its gradient, for a content and its styles;
`stylize` is a generator of `Step`s that lower it. Pictures are float32 [H, W, 3], RGB, 0..255; there are no files here.
"""

import brushwork  # noqa: F401, it sets options of TensorFlow, which is imported below

# isort: split
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf

import vgg
from brushwork import checks
from brushwork.digest import digest_of
from brushwork.engine import memory
from brushwork.engine.session import Cancellable, chosen_precision, open_session, without_collection
from brushwork.engine.sums import Moments, Total, moments, squared_error, variation
from brushwork.engine.sweeps import Sweeps
from brushwork.errors import Diverged
from brushwork.losses.matrix_sqrt import trace_sqrt
from brushwork.network.layers import stride
from brushwork.optimizers.adam import Adam
from brushwork.optimizers.coordinates import Spectral
from brushwork.optimizers.lbfgs import LBFGS
from brushwork.pictures import saliency, sizes
from brushwork.pictures.colors import postprocess, recolor
from brushwork.pictures.masks import NO_MASKS, Masks, average_pool
from brushwork.schedule import make_schedule
from brushwork.settings import STARTS, Settings
from brushwork.state import State, upscale

__all__ = ["Diverged", "Masks", "Objective", "Settings", "State", "Step", "stylize"]

SPECTRAL_EXPONENT = 0.35  # of the coordinates of L-BFGS; from 0.3 to 0.5 all do equally well, larger ones worse
NOISE = 0.256  # standard deviation of the noise around the mean pixel, on the scale of 0..255
VARIANCE = 1e-4  # added to the variances of features, whose mean square is 1, so that no direction has none
NOISE_VARIANCE = 1e-5  # what rounding leaves in a direction without any
KNOWN_STYLES = 16  # style pictures whose moments are cached, about 5 MB each


def statistics(pixels, sides, features, *, targets, content_masks, style_masks, settings):
    """All sums over positions that the loss is made of; the sums of a picture are those of its tiles, added up.

    pixels, sides: see `variation`. features, targets, masks: {layer: [h, w, channels]}; no masks: everything counts.
    """
    content = {name: squared_error(features[name], targets[name], content_masks.get(name)) for name in targets}
    style = {name: moments(features[name], style_masks.get(name)) for name in settings.style_layer_weights}
    return {"content": content, "style": style, "variation": variation(pixels, sides, settings.tv_norm)}


def losses(sums, *, goals, shares, spreads, content_squares, style_loss, settings):
    """The losses of these sums, by name: each term's, the sum of each kind, and the total.

    goals: {layer: style_loss.goal of its Moments}, for each style mask, or for a blend of all styles.
    shares: [K], the weights of these. spreads: {layer: what to add to the loss of a blend}; see Objective.aim.
    content_squares: {layer: mean square of the content's features}.
    """
    content, style, (down, across) = {}, {}, sums["variation"]
    for name, weight in settings.content_layer_weights.items():
        error = sums["content"][name]
        if settings.style_loss == "wasserstein":
            content[f"content/{name}"] = weight * error.sum / error.count / content_squares[name]
        elif settings.normalization == "sums":  # equation 1 of Gatys et al. 2015
            content[f"content/{name}"] = weight * error.sum / 2
        else:
            content[f"content/{name}"] = weight * error.sum / error.count
    distances = style_loss.distances(sums["style"], goals)
    for name, weight in settings.style_layer_weights.items():
        channels = int(sums["style"][name].second.shape[-1])
        scale = {"classic": 1, "positions": channels**2, "sums": channels**2 / 4}[settings.normalization]
        parts = zip(shares, tf.unstack(distances[name]), strict=True)
        terms = [scale * weight * share * distance for share, distance in parts]
        style[f"style/{name}"] = tf.add_n(terms) + scale * weight * spreads[name]
    if settings.tv_norm == "squares":
        down, across = (Total(each.sum / tf.maximum(each.count, 1), 1) for each in (down, across))
    none = tf.zeros([], down.sum.dtype)
    parts = {"content": sum(content.values(), none), "style": sum(style.values(), none)}
    parts["tv"] = settings.tv_weight * (down.sum + across.sum)
    return parts | {"total": sum(parts.values())} | content | style


class StyleLoss(NamedTuple):
    """How a style is compared: two functions of tensors."""

    goal: Callable  # Moments of a style's layer, divided by their counts -> what the image is compared with, nested
    distances: Callable  # ({layer: Moments of the image}, {layer: goal}) -> {layer: the loss under each of K masks}


def gram(moments):
    """The Gram matrices G = S / (n C) of Moments, in the normalisation of the classic program: [K, C, C]."""
    channels = int(moments.second.shape[-1])
    return moments.second / tf.reshape(moments.count * channels, [-1, 1, 1])


def gram_distances(moments, goals):
    """{layer: mean((G - A)^2)} for Gram matrices G of the image, A of the style (Gatys et al. 2015, equations 3, 4)."""
    pairs = {name: tf.unstack(gram(moments[name]) - goal) for name, goal in goals.items()}
    return {
        name: tf.stack([2 * tf.nn.l2_loss(each) / int(each.shape[-1]) ** 2 for each in differences])
        for name, differences in pairs.items()
    }


class Normal(NamedTuple):
    """The features of a style as a normal distribution, in units in which their mean square is 1."""

    scale: tf.Tensor  # [K], the root mean square of the features
    mean: tf.Tensor  # [K, C]
    trace: tf.Tensor  # [K], of the covariance T, a part of it: see `normal`
    root: tf.Tensor  # [K, C, r], L with L L' = T; its columns are orthogonal


def normal(moments):
    """The Normal of a style's Moments.

    Of the covariance the r principal components that are not noise are kept: fewer than C where the style picture has
    few positions. VARIANCE is added to each.
    """
    first, second = (tf.cast(each, tf.float64) for each in moments[1:])
    channels = int(second.shape[-1])
    square = tf.linalg.trace(second) / channels
    square = tf.where(square > 0, square, tf.ones_like(square))
    mean = first / tf.sqrt(square)[:, tf.newaxis]
    covariance = second / square[:, tf.newaxis, tf.newaxis] - mean[:, :, tf.newaxis] * mean[:, tf.newaxis]
    variances, components = tf.linalg.eigh(covariance)  # in ascending order
    count = tf.reduce_max(tf.reduce_sum(tf.cast(variances > NOISE_VARIANCE, tf.int32), axis=1))
    variances = tf.maximum(variances[:, channels - count :], 0) + VARIANCE
    root = components[:, :, channels - count :] * tf.sqrt(variances)[:, tf.newaxis]
    parts = tf.sqrt(square), mean, tf.reduce_sum(variances, axis=1), root
    return Normal(*(tf.cast(part, moments.second.dtype) for part in parts))


def wasserstein_distances(moments, goals):
    """{layer: squared 2-Wasserstein distance of two normal distributions, per channel} (Olkin and Pukelsheim 1982).

    |m - t|^2 + tr(S + T - 2 (L' S L)^(1/2)) for the mean m and the covariance S of the image's features, t and T = L L'
    of the style's, all in the units of the style's `Normal`; VARIANCE is added to S as to T.
    """
    distances, spreads = {}, {}
    for name, goal in goals.items():
        weight = 1 / (moments[name].count * goal.scale)
        mean = weight[:, tf.newaxis] * moments[name].first
        second = (weight / goal.scale)[:, tf.newaxis, tf.newaxis] * moments[name].second
        covariance = second - mean[:, :, tf.newaxis] * mean[:, tf.newaxis]
        variances = VARIANCE * tf.reduce_sum(tf.square(goal.root), axis=1)
        spreads[name] = tf.matmul(goal.root, covariance @ goal.root, transpose_a=True) + tf.linalg.diag(variances)
        distances[name] = tf.reduce_sum(tf.square(mean - goal.mean), axis=1) + tf.linalg.trace(covariance) + goal.trace
        distances[name] += VARIANCE * tf.cast(tf.shape(variances)[1], mean.dtype)
    for channels in sorted({int(goal.mean.shape[1]) for goal in goals.values()}):
        names = [name for name, goal in goals.items() if goal.mean.shape[1] == channels]
        for name, trace in zip(names, trace_sqrt([spreads[name] for name in names]), strict=True):
            distances[name] = (distances[name] - 2 * trace) / channels
    return distances


STYLE_LOSSES = {"gram": StyleLoss(gram, gram_distances), "wasserstein": StyleLoss(normal, wasserstein_distances)}


class Objective:
    """The loss of an image and its gradient: evaluate(image) -> (losses, gradient), once `aim` has set the targets.

    The content, the styles and the image pass through the same graph, so that a target and what is compared with it
    are the same statistic. A context manager: it holds a TensorFlow session.
    """

    def __init__(self, network, settings, masks=NO_MASKS, *, precision=None, style_loss=None):
        """network: vgg.Network. masks: which of them are given, and how many; `aim` takes them in their sizes.

        precision: "float32" or "bfloat16", of the network; by default what settings.precision chooses.
        style_loss: a StyleLoss; by default the one that settings.style_loss names.
        Raises KeyError if the network lacks a layer of the settings.
        """
        self.settings, self.mean_pixel, self.graph = settings, network.mean_pixel, tf.Graph()
        self.precision = precision or chosen_precision(settings.precision)
        self._network, self._known, self._masks = network, {}, masks
        self._style_loss = style_loss or STYLE_LOSSES[settings.style_loss]
        names = [*settings.content_layer_weights, *settings.style_layer_weights]
        dtype = tf.bfloat16 if self.precision == "bfloat16" else self.mean_pixel.dtype
        with self.graph.as_default(), without_collection():
            convolutions, weights = vgg.variables(network, dtype, layers=names)

            def features_of(image, origin):
                centred = tf.cast(image - self.mean_pixel, dtype)[tf.newaxis]  # [1, H, W, 3]
                how = {"layers": names, "pooling": settings.pooling, "origin": origin}
                return {name: tf.squeeze(net, 0) for name, net in vgg.build(centred, convolutions, **how).items()}

            replicate = settings.padding == "replicate"
            self._sweeps = Sweeps(features_of, dtype=self.mean_pixel.dtype, layers=names, replicate=replicate)
            self._make_inputs(masks)
            self._session = Cancellable(open_session(self.graph))
            given = {"targets": self._targets, "content_masks": self._content_masks, "style_masks": self._style_masks}
            sums = partial(statistics, **given, settings=settings)
            goals = {"goals": self._goals, "spreads": self._spreads, "content_squares": self._content_squares}
            goals |= {"shares": settings.blend(len(masks.styles)) if masks.styles else (1.0,)}
            loss = partial(losses, **goals, style_loss=self._style_loss, settings=settings)
            self._sweeps.open(self._session, sums, loss)
            self._session.run(tf.global_variables_initializer(), weights)

    def _make_inputs(self, masks):
        """The placeholders beside the image: {layer: what is fed for it}."""
        content, style, dtype = (
            self.settings.content_layer_weights,
            self.settings.style_layer_weights,
            self.mean_pixel.dtype,
        )
        cores, field = self._sweeps.cores, self._sweeps.field

        def mask_fields(layers, count):
            return {name: field(name, count, dtype) for name in layers} if count else {}

        self._targets = {name: field(name, cores[name].shape[-1], cores[name].dtype) for name in content}
        are_weighted = masks.content is not None or self.settings.content_detail > 0
        self._content_masks = mask_fields(content, int(are_weighted))
        self._style_masks = mask_fields(style, len(masks.styles))
        self._source_masks = mask_fields(style, int(bool(masks.sources)))
        self._content_squares = {name: tf.placeholder(dtype, []) for name in content}
        self._style_targets, self._goals, self._spreads, count = {}, {}, {}, len(masks.styles) or 1
        for name in style:
            channels = cores[name].shape[-1]
            shapes = [count], [count, channels], [count, channels, channels]
            self._style_targets[name] = Moments(*(tf.placeholder(dtype, shape) for shape in shapes))
            self._goals[name] = self._style_loss.goal(self._style_targets[name])
            self._spreads[name] = tf.placeholder(dtype, [])
        self._style_sums = {name: moments(cores[name], self._source_masks.get(name)) for name in style}

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._session.close()

    def aim(self, content, styles, masks=NO_MASKS, *, tile_size="auto"):
        """Set the targets: the features of `content` [H, W, 3], and the moments of `styles`, each [h, w, 3].

        masks: in the sizes of these pictures. tile_size: px; None: untiled; "auto": what the settings say, and the
        memory allows. Raises DoesNotFit.

        Without style masks, the styles are blended into one, their moments averaged with their shares b. For Gram
        matrices the gradient is that of all styles: the sum of b_i mean((G - A_i)^2) is mean((G - A)^2) for the blend A
        of all A_i, plus their spread around it, a constant that is added to the loss.
        """
        checks.check_pictures(content, styles)
        checks.check_masks(masks, self._masks, styles)
        if tile_size == "auto":
            shapes = [picture.shape[:2] for picture in (content, *styles)]
            run = self._network, self.settings, self.precision, shapes[0], shapes[1:], len(masks.styles)
            tile_size = memory.tile_size_for(*run)
        self._sweeps.tile_size = tile_size
        if not masks.sources:  # which say by themselves what counts
            styles = [sizes.crop_margin(style, self.settings.style_margin) for style in styles]
        sources = masks.sources or [None] * len(styles)
        known = [self._moments_of(*each) for each in zip(styles, sources, strict=True)]
        shares, constants, blends = self.settings.blend(len(styles)), dict.fromkeys(self._spreads.values(), 0), {}
        for name, inputs in self._style_targets.items():
            rows = Moments(*map(np.concatenate, zip(*(each[name] for each in known), strict=True)))
            target = rows if masks.styles else Moments(*(np.tensordot(shares, row, 1)[np.newaxis] for row in rows))
            constants |= zip(inputs, target, strict=True)
            if len(target.count) < len(styles) and self._style_loss.distances is gram_distances:
                blends[name] = rows, target
        constants |= {self._spreads[name]: spread for name, spread in self._spreads_of(blends, shares).items()}
        features = self._sweeps.features(content, list(self._targets))
        for square, array in zip(self._content_squares.values(), features, strict=True):
            constants[square] = np.square(array.astype(self.mean_pixel.dtype)).mean(dtype=np.float64) or 1
        goals = tf.nest.flatten(self._goals)  # fed from now on: they are computed once
        self._constants = constants | dict(zip(goals, self._session.run(goals, constants), strict=True))
        self._fields = _over_layers(self._style_masks, masks.styles)
        weights = saliency.content_weights(content, self.settings.content_detail, masks.content)
        self._fields |= _over_layers(self._content_masks, [weights])
        self._fields |= zip(self._targets.values(), features, strict=True)

    def evaluate(self, image):
        """({name: loss}, gradient of the total) of `image`; image and gradient: float32 [H, W, 3], RGB, 0..255.

        The losses are "content", "style", "tv", "total", and each layer's, as "style/relu1_1". Raises DoesNotFit where
        memory runs out even in small tiles.
        """
        return self._sweeps.evaluate(image, self._fields, self._constants)

    def cancel(self):
        """Make the evaluation that another thread waits for raise Interrupted, and every later one."""
        self._session.cancel()

    def has_ended(self, seconds):
        """Whether a cancelled evaluation has ended, after so many seconds at most."""
        return self._session.has_ended(seconds)

    def _spreads_of(self, blends, shares):
        """{layer: the mean style loss of its styles to their blend, weighted by their shares}.

        blends: {layer: (Moments [styles], Moments [1] of the blend)}.
        """
        if not blends:
            return {}
        with tf.Graph().as_default() as graph, open_session(graph) as session:
            styles, goals = {}, {}
            for name, (rows, blend) in blends.items():
                styles[name] = Moments(*map(tf.constant, rows))
                goals[name] = self._style_loss.goal(Moments(*map(tf.constant, blend)))
            distances = session.run(self._style_loss.distances(styles, goals))
        return {name: np.dot(shares, each) for name, each in distances.items()}

    def _moments_of(self, style, mask):
        """{layer: Moments divided by their counts} of a style picture; cached for the last KNOWN_STYLES."""
        masks = [] if mask is None else [mask]
        key = digest_of(style, *masks)
        known = self._known.pop(key, None)
        if known is None:
            sums = self._sweeps.total(style, self._style_sums, _over_layers(self._source_masks, masks))
            known = {name: Moments(*(part / moments.count for part in moments)) for name, moments in sums.items()}
        self._known[key] = known  # the latest comes last
        if len(self._known) > KNOWN_STYLES:
            del self._known[next(iter(self._known))]
        return known


def _over_layers(inputs, masks):
    """{placeholder: masks over the cells of its layer, [h, w, K]}, for inputs {layer: placeholder}."""
    return {
        placeholder: np.stack([average_pool(mask, stride(name)) for mask in masks], axis=-1)
        for name, placeholder in inputs.items()
    }


class Step(NamedTuple):
    """One iteration. `losses` are those of `image`; `kept` is what the run would give if it ended here."""

    iteration: int  # 0 is the start; counted over all scales
    scale: int  # 0 is the coarsest
    image: np.ndarray  # [H, W, 3], RGB, may exceed 0..255
    losses: dict[str, float]  # "content", "style", "tv" and "total", their sum; and those of the layers
    kept: np.ndarray  # the image of lowest total so far, or this one, as settings.keep says
    lowest: float  # the total of `kept`
    state: Callable[[], State]  # what a run can go on from; to be called before the next step is asked for
    picture: Callable[[], np.ndarray]  # what would be saved: [H, W, 3] of the content's size, in the colours asked for
    end_scale: Callable[[], None]  # make this the last step of its scale; to be called before the next is asked for

    @property
    def term_losses(self) -> dict[str, float]:
        """The losses of the terms and their total, without those of layers, in the order in which they are reported."""
        return {name: loss for name, loss in self.losses.items() if "/" not in name}


def stylize(objective, content, styles, settings, *, initial=None, masks=NO_MASKS, resume=None, tile_sizes=None):
    """Yields a Step for the start and for each iteration at each scale; fewer if no step lowers the loss.

    content: [H, W, 3]; styles: a sequence of [h, w, 3], each of its own size. initial: [H, W, 3], the picture to start
    from, for settings whose `initial` is a path. masks: in the sizes of these pictures; the objective has the same.
    resume: the State to go on from; its step is the first one. tile_sizes: for each scale, as for Objective.aim.
    Each further scale begins with the picture of the one before, resized, and with the moments of Adam.
    Raises Diverged as soon as a loss is not finite; the step before holds the last good picture. Raises ValueError for
    a setting that cannot be honoured: sizes that are not those of the pictures, losses that are not the objective's.
    """
    checks.check_pictures(content, styles)
    checks.check_settings(settings, getattr(objective, "settings", settings), content, styles)
    if initial is None and settings.initial not in STARTS:
        raise ValueError(f"the settings start from {settings.initial}; pass that picture as `initial`")
    if initial is None and settings.initial == "style":
        initial = sizes.cover(styles[0], *content.shape[:2])
    styles, state = [recolor(style, content, settings) for style in styles], resume

    def scaled(picture):
        share = size[1] / content.shape[1]
        return picture if share == 1 else sizes.resize_to_width(picture, sizes.pixels(picture.shape[1], share))

    for scale, size in enumerate(make_schedule(settings, *content.shape[:2]).sizes):
        if resume and scale < resume.scale:
            continue
        small, *small_styles = map(scaled, (content, *styles))
        small_masks = masks.resize(small.shape[:2], [style.shape[:2] for style in small_styles])
        objective.aim(small, small_styles, small_masks, tile_size=tile_sizes[scale] if tile_sizes else "auto")
        if state is None:
            first = None if initial is None else scaled(initial)
            image = start_image(small, first, objective.mean_pixel, settings)
            state = State(scale, 0, image, image, np.inf, {})
        elif state.scale < scale:
            state = upscale(state, size, moments=settings.optimizer == "adam")
        begins = state is resume or scale == 0  # the start of a further scale is the last picture once more
        state = yield from _at_scale(objective, content, settings, state, begins)


def _at_scale(objective, content, settings, state, begins):
    """Yields the Steps of a scale after `state`, and its own if the run `begins` with it; returns the last State."""
    here, ended = make_schedule(settings, *content.shape[:2]).scales[state.scale], []
    optimizer = _optimizer(objective.evaluate, state.image, settings, state.optimizer)

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


def _optimizer(evaluate, start, settings, resume):
    """The optimiser that the settings choose, an iterator over (image, losses)."""
    if settings.optimizer == "lbfgs":
        coordinates, pairs = Spectral(start.shape, SPECTRAL_EXPONENT), settings.lbfgs_memory
        return LBFGS(evaluate, start, pairs=pairs, coordinates=coordinates, box=settings.box, resume=resume)
    betas = settings.beta1, settings.beta2
    rates = {"learning_rate": settings.learning_rate, "betas": betas, "epsilon": settings.epsilon}
    return Adam(evaluate, start, **rates, box=settings.box, resume=resume)


def start_image(content, initial, mean_pixel, settings):
    """The first image: a share r of noise around the mean pixel, and 1 - r of `initial`, or else of the content.

    r is settings.initial_noiseblend; by default 1 for a start from noise and 0 for any other.
    """
    share = settings.initial_noiseblend
    if share is None:
        share = 1.0 if initial is None and settings.initial == "noise" else 0.0
    base = (content if initial is None else initial) - mean_pixel
    noise = np.random.default_rng(settings.seed).normal(0, NOISE, content.shape)
    image = ((1 - share) * base + share * noise + mean_pixel).astype(content.dtype)
    return np.clip(image, 0, 255) if settings.box else image
