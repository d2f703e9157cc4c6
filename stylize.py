"""The method: the loss of Gatys, Ecker and Bethge 2015 and the pictures on the way to its minimum.

`Objective` is the loss as a function of the picture, one TensorFlow graph and its session; `stylize` is a generator of
`Step`s that lowers it. Pictures are float32 [H, W, 3], RGB, 0..255; there are no files here.
"""

from contextlib import closing
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image

import images
import optimizers
from masks import EVERYWHERE, Masks
from objective import Objective
from settings import STARTS, Settings

__all__ = ["Diverged", "Masks", "Objective", "Settings", "Step", "stylize"]

SPECTRAL_EXPONENT = 0.35  # of the coordinates of L-BFGS: flat from 0.3 to 0.5, worse beyond
NOISE = 0.256  # standard deviation of the noise start around the mean pixel, on the scale of 0..255


class Step(NamedTuple):
    """One iteration: `losses` are those of `image`, and `kept` is what the run would give if it ended here."""

    iteration: int  # 0 is the start; counted on through the scales
    scale: int  # 0 is the coarsest
    image: np.ndarray  # [H, W, 3], RGB, not confined to 0..255
    losses: dict[str, float]  # "content", "style", "tv" and "total", their sum
    kept: np.ndarray  # the image of lowest total so far, or this one, as settings.keep says


class Diverged(Exception):
    """The loss is no longer a finite number."""


def stylize(objective, content, styles, settings, *, initial=None, masks=EVERYWHERE):
    """Yields a Step for the start and one for each of `settings.total_iterations`; fewer where none lowers the loss.

    content, initial: [H, W, 3], of equal size; styles: a sequence of [h, w, 3], each of its own size.
    initial: the picture to start from, for settings whose `initial` is none of the words.
    masks: masks.Masks, of the sizes of these pictures; the objective is made with them too.
    With several scales, each begins with the picture of the one before, resized, and what Adam remembers of it.
    Raises Diverged as soon as the loss is not finite; the step before holds the last good picture.
    """
    image, state, iteration = None, None, 0
    if initial is None and settings.initial not in STARTS:
        raise ValueError(f"the start is to be {settings.initial}, which is not given")
    if initial is None and settings.initial == "style":
        initial = images.cover(styles[0], *content.shape[:2])
    sizes = settings.sizes(*content.shape[:2])
    for scale, (size, count) in enumerate(zip(sizes, settings.iteration_counts, strict=True)):
        small, *small_styles = (_scaled(picture, size[1] / content.shape[1]) for picture in (content, *styles))
        small_masks = masks.scaled(small.shape[:2], [style.shape[:2] for style in small_styles])
        objective.aim(small, small_styles, small_masks)
        if image is None:
            small_initial = None if initial is None else _scaled(initial, size[1] / content.shape[1])
            image = start_image(small, small_initial, objective.mean_pixel, settings)
        else:
            image = images.resample(image, *size)
            state = _resized_state(state, *size)
        kept, lowest = image, np.inf
        with closing(OPTIMIZERS[settings.optimizer](objective.evaluate, image, settings, state)) as iterates:
            for index, (image, losses) in enumerate(islice(iterates, count + 1)):
                iteration += index > 0
                if not np.isfinite(losses["total"]):
                    raise Diverged(f"the loss is not finite at iteration {iteration}")
                if settings.keep == "last" or losses["total"] < lowest:
                    kept, lowest = image, losses["total"]
                if index or not scale:  # the start of a further scale is the last picture once more
                    yield Step(iteration, scale, image, losses, kept)
            state = iterates.state()
        image = kept


def _scaled(picture, share):
    return picture if share == 1 else images.resize_to_width(picture, max(1, round(picture.shape[1] * share)))


def _resized_state(state, height, width):
    """What the optimiser remembers of each pixel, for a picture of another size.

    By a window without negative weights: it leaves mean squares positive, and, since the square of an average is no
    more than the average of the squares, a step of Adam no longer than it was.
    """
    window = Image.Resampling.BILINEAR
    return {
        name: images.resample(array, height, width, window) if array.ndim == 3 else array
        for name, array in state.items()
    }


def _adam(evaluate, start, settings, state=None):
    names = ("learning_rate", "beta1", "beta2", "epsilon", "box")
    return optimizers.Adam(evaluate, start, state=state, **{name: getattr(settings, name) for name in names})


def _lbfgs(evaluate, start, settings, state=None):
    """Afresh whatever the state: the curvature at another scale is another one."""
    coordinates = optimizers.Spectral(start.shape, SPECTRAL_EXPONENT)
    memory, box = settings.lbfgs_memory, settings.box
    return optimizers.LBFGS(evaluate, start, memory=memory, coordinates=coordinates, box=box)


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
