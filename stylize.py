"""The method: the loss of Gatys, Ecker and Bethge 2015 and the pictures on the way to its minimum.

`Objective` is the loss as a function of the picture, one TensorFlow graph and its session; `stylize` is a generator of
`Step`s that lowers it. Pictures are float32 [H, W, 3], RGB, 0..255; there are no files here.
"""

import dataclasses
from collections.abc import Callable
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

import images
import optimizers
from masks import EVERYWHERE, Masks
from objective import Objective
from settings import STARTS, Settings
from state import State

__all__ = ["Diverged", "Masks", "Objective", "Settings", "State", "Step", "stylize"]

SPECTRAL_EXPONENT = 0.35  # of the coordinates of L-BFGS: flat from 0.3 to 0.5, worse beyond
RETRIES = 3  # from the last finite step, each with half the learning rate
NOISE = 0.256  # standard deviation of the noise start around the mean pixel, on the scale of 0..255


class Step(NamedTuple):
    """One iteration: `losses` are those of `image`, and `kept` is what the run would give if it ended here."""

    iteration: int  # 0 is the start; counted on through the scales
    scale: int  # 0 is the coarsest
    image: np.ndarray  # [H, W, 3], RGB, not confined to 0..255
    losses: dict[str, float]  # "content", "style", "tv" and "total", their sum
    kept: np.ndarray  # the image of lowest total so far, or this one, as settings.keep says
    lowest: float  # the total of `kept`
    retries: int  # how often the loss was not finite
    state: Callable[[], State]  # to be called before the next step is asked for


class Diverged(Exception):
    """The loss is no longer a finite number."""


def stylize(objective, content, styles, settings, *, initial=None, masks=EVERYWHERE, resume=None):
    """Yields a Step for the start and one for each of `settings.total_iterations`; fewer where none lowers the loss.

    content, initial: [H, W, 3], of equal size; styles: a sequence of [h, w, 3], each of its own size.
    initial: the picture to start from, for settings whose `initial` is none of the words.
    masks: masks.Masks, of the sizes of these pictures; the objective is made with them too.
    resume: the State to go on from; its step is the first one yielded.
    With several scales, each begins with the picture of the one before, resized, and what Adam remembers of it.
    Raises Diverged as soon as the loss is not finite and settings.on_nan is "stop", or the retries are used up; the
    step before holds the last good picture.
    """
    if initial is None and settings.initial not in STARTS:
        raise ValueError(f"the start is to be {settings.initial}, which is not given")
    if initial is None and settings.initial == "style":
        initial = images.cover(styles[0], *content.shape[:2])
    state, counts = resume, settings.iteration_counts
    for scale, size in enumerate(settings.sizes(*content.shape[:2])):
        if resume and scale < resume.scale:
            continue
        small, *small_styles = (_scaled(picture, size[1] / content.shape[1]) for picture in (content, *styles))
        small_masks = masks.scaled(small.shape[:2], [style.shape[:2] for style in small_styles])
        objective.aim(small, small_styles, small_masks)
        if state is None:
            small_initial = None if initial is None else _scaled(initial, size[1] / content.shape[1])
            image = start_image(small, small_initial, objective.mean_pixel, settings)
            state = State(scale, 0, image, image, np.inf, 0, {})
        elif state.scale < scale:
            state = _enlarged(state, size, settings)
        begins = state is resume or scale == 0  # the start of a further scale is the last picture once more
        state = yield from _at_scale(objective, settings, state, counts, begins)


def _at_scale(objective, settings, state, counts, begins):
    """Yields the Steps of a scale after `state`, and its own if the run `begins` with it; returns the last State."""
    scale, before = state.scale, sum(counts[: state.scale])
    while True:
        rate = settings.learning_rate / 2**state.retries
        slower = dataclasses.replace(settings, learning_rate=rate)
        optimizer = OPTIMIZERS[settings.optimizer](objective.evaluate, state.image, slower, state.optimizer)
        with closing(optimizer):
            first, last = state.index, max(state.index, counts[scale])
            for index, (image, losses) in enumerate(islice(optimizer, last - first + 1), start=first):
                if not np.isfinite(losses["total"]):
                    state = _after_divergence(state, before + index, settings)
                    begins = False
                    break
                state = state._replace(index=index, image=image)
                if settings.keep == "last" or losses["total"] < state.lowest:
                    state = state._replace(kept=image, lowest=losses["total"])
                if begins or index > first:
                    whole = partial(_whole, state, optimizer)
                    kept = state.kept, state.lowest
                    yield Step(before + index, scale, image, losses, *kept, state.retries, whole)
            else:
                return _whole(state, optimizer)


def _whole(state, optimizer):
    return state._replace(optimizer=optimizer.state())


def _after_divergence(state, iteration, settings):
    """The State of the last finite step, to be gone on from with half the learning rate and without a memory."""
    sentence = f"the loss is not finite at iteration {iteration}"
    if not np.isfinite(state.lowest) or settings.on_nan == "stop" or settings.optimizer != "adam":
        raise Diverged(sentence)
    if state.retries == RETRIES:
        raise Diverged(f"{sentence}, after {RETRIES} retries")
    return state._replace(retries=state.retries + 1, optimizer={})


def _scaled(picture, share):
    return picture if share == 1 else images.resize_to_width(picture, max(1, round(picture.shape[1] * share)))


def _enlarged(state, size, settings):
    """The State at the beginning of the next scale, of pictures of `size` (height, width)."""
    image = images.resample(state.kept, *size)
    # L-BFGS begins afresh: the curvature at another scale is another one.
    memory = _resized(state.optimizer, *size) if settings.optimizer == "adam" else {}
    return State(state.scale + 1, 0, image, image, np.inf, state.retries, memory)


def _resized(memory, height, width):
    """What Adam remembers of each pixel, for a picture of another size.

    By a window without negative weights: it leaves mean squares positive, and, since the square of an average is no
    more than the average of the squares, a step of Adam no longer than it was.
    """
    window = Image.Resampling.BILINEAR
    return {
        name: images.resample(array, height, width, window) if array.ndim == 3 else array
        for name, array in memory.items()
    }


def _adam(evaluate, start, settings, state):
    names = ("learning_rate", "beta1", "beta2", "epsilon", "box")
    return optimizers.Adam(evaluate, start, state=state, **{name: getattr(settings, name) for name in names})


def _lbfgs(evaluate, start, settings, state):
    coordinates = optimizers.Spectral(start.shape, SPECTRAL_EXPONENT)
    memory, box = settings.lbfgs_memory, settings.box
    return optimizers.LBFGS(evaluate, start, memory=memory, coordinates=coordinates, box=box, state=state)


OPTIMIZERS = {"adam": _adam, "lbfgs": _lbfgs}


def start_image(content, initial, mean_pixel, settings):
    """The first image: the share r of it noise around the mean pixel, 1 - r of it `initial`, or else the content.

    r is settings.initial_noiseblend; unless given, it is 1 for a start from noise and 0 for any other.
    """
    share = settings.initial_noiseblend
    if share is None:
        share = 1.0 if initial is None and settings.initial == "noise" else 0.0
    base = (content if initial is None else initial) - mean_pixel
    noise = np.random.default_rng(settings.seed).normal(0, NOISE, content.shape)
    image = ((1 - share) * base + share * noise + mean_pixel).astype(content.dtype)
    return np.clip(image, 0, 255) if settings.box else image
