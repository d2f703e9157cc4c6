"""The plan of a run: every input read, every output checked, and everything decided that can be decided before it.

Nothing is written, and TensorFlow is not imported. All mistakes are found before any of them is reported.
"""

import argparse
import functools
import itertools
import math
import time
from dataclasses import dataclass, replace

import numpy as np

from brushwork import state
from brushwork.engine import memory
from brushwork.errors import Mistakes
from brushwork.pictures import masks, metadata, read, sizes, write
from brushwork.pictures.masks import Masks
from brushwork.run import jobs
from brushwork.run.outputs import check_outputs
from brushwork.settings import STARTS, Settings, option


@dataclass(frozen=True)
class Plan:
    """A checked run. Pictures are float32 [H, W, 3], RGB, 0..255, in the sizes in which they are used."""

    job: jobs.Job
    options: argparse.Namespace  # the parsed command line
    settings: Settings
    network: object  # vgg.Network
    content: np.ndarray
    styles: list[np.ndarray]
    initial: np.ndarray | None
    masks: Masks
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    deadline: float  # by time.monotonic
    precision: str | None = None  # "float32" or "bfloat16"; `decided` sets it
    tile_sizes: tuple[int | None, ...] = ()  # px, or None for untiled, at each scale; `decided` sets them

    @functools.cached_property
    def digests(self):
        """Digests of everything that the picture is made from, besides the settings, by the names in state.INPUTS."""
        given = [*self.masks.styles, *self.masks.sources]
        given += [self.masks.content] if self.masks.content is not None else []
        counts = np.array([len(self.masks.styles), len(self.masks.sources), self.masks.content is not None])
        kernels = itertools.chain(*self.network.convolutions.values())
        return {
            "network": state.digest(*kernels, self.network.mean_pixel),
            "content": state.digest(self.content),
            "styles": state.digest(*self.styles),
            "initial": state.digest(*(() if self.initial is None else (self.initial,))),
            "masks": state.digest(counts, *given),
        }

    @property
    def resume(self):
        """The State to go on from, or None."""
        return self.options.saved.state if self.options.saved else None

    def saved(self, at):
        """The state.Saved of this run when it is at the State `at`."""
        return state.Saved(at, state.plain(self.settings), self.digests, self.options.command)

    def save_picture(self, path, step):
        """Write the picture of a Step. Raises PictureError."""
        about = metadata.about(self.settings, self.digests["network"], step)
        write.save(path, step.picture(), metadata=about, depth=self.options.depth, opacity=self.opacity)

    def decided(self, precision):
        """This plan with the precision, and the tile sizes for the memory that is free now. Raises DoesNotFit."""
        shapes = [picture.shape[:2] for picture in (self.content, *self.styles)]
        run = self.network, self.settings, precision, shapes[0], shapes[1:], len(self.masks.styles)
        return replace(self, precision=precision, tile_sizes=tuple(memory.tile_sizes(*run)))


def make_plan(job, options, network_for, say):
    """The Plan of a jobs.Job under parsed options. Raises Mistakes, with everything that is wrong.

    network_for(settings, mistakes) -> the network to use, or None with a mistake added; settings may be None.
    """
    mistakes, notes = Mistakes(), []
    settings = jobs.make_settings(options, job, mistakes)
    content, opacity, profile = mistakes.catch(read.picture, job.content) or (None, None, None)
    if profile:
        notes.append(f"{job.content} is in {profile}; it is converted to sRGB, as the output is")
    styles = [mistakes.catch(read.image, path) for path in job.styles]
    start = settings.initial if settings and settings.initial not in STARTS else None
    initial = mistakes.catch(read.image, start) if start is not None else None
    if settings and content is not None:
        content = _fitted(content, _width(settings, *content.shape[:2]), "--width", mistakes)
    if settings and content is not None:
        if any(width >= content.shape[1] for _, width in settings.sizes(*content.shape[:2])[:-1]):
            mistakes.add_usage(f"--scales takes widths below the output's, which is {content.shape[1]}")
        styles = list(_sized(styles, content, settings, job.styles, mistakes, notes))
        initial = None if initial is None else sizes.cover(initial, *content.shape[:2])
    given = _masks(options, content, styles, mistakes)
    opaque = opacity is None or content is None or not options.keep_alpha
    opacity = None if opaque else np.clip(masks.resized(opacity, *content.shape[:2]), 0, 1)
    size = () if content is None else content.shape[:2]
    last = settings.total_iterations(*size) if settings and size else None
    about = {"size": size, "transparent": opacity is not None}
    check_outputs(job, options, **about, last=last, start=start, mistakes=mistakes)
    network = network_for(settings, mistakes)
    mistakes.check()
    deadline = time.monotonic() + (math.inf if options.max_seconds is None else options.max_seconds)
    plan = Plan(job, options, settings, network, content, styles, initial, given, opacity, deadline)
    if options.saved:
        _check_resume(options.saved, options.resume, plan)
    for note in notes:
        say(note)
    return plan


def _check_resume(saved, path, plan):
    """Raise Mistakes if a run of this plan cannot go on from what is saved in the file `path`."""
    flags, inputs = state.differences(saved, plan.settings, plan.digests)
    mistakes = Mistakes(*(f"cannot resume {path}: {sentence}" for sentence in flags))
    mistakes.sentences += [f"cannot resume {path}: {sentence}" for sentence in inputs]
    if not mistakes.sentences and not state.fits(saved.state, plan.settings, *plan.content.shape[:2]):
        mistakes.add_file(f"cannot resume {path}: damaged")
    mistakes.check()


def _masks(options, content, styles, mistakes):
    """The Masks of the flags, each in the size of its picture."""
    for name in ("style_masks", "style_source_masks"):
        if (paths := getattr(options, name)) and len(paths) != len(styles):
            mistakes.add_usage(f"{option(name)} takes one picture for each style: {len(styles)}, not {len(paths)}")
    sources = zip(options.style_source_masks or (), styles, strict=False)
    return Masks(
        tuple(_mask(path, content, mistakes) for path in options.style_masks or ()),
        _mask(options.content_mask, content, mistakes) if options.content_mask else None,
        tuple(_mask(path, style, mistakes) for path, style in sources),
    )


def _mask(path, picture, mistakes):
    """The mask in a file, in the size of `picture`; None with a mistake added."""
    mask = mistakes.catch(read.image, path)
    if mask is None or picture is None:
        return None
    (height, width), (mask_height, mask_width) = picture.shape[:2], mask.shape[:2]
    # Proportions may differ by a rounded side.
    if abs(height * mask_width - width * mask_height) > max(height, width, mask_height, mask_width):
        sizes_of_both = f"a mask of {mask_width}x{mask_height} for a picture of {width}x{height} pixels"
        mistakes.add_file(f"cannot use {path}: {sizes_of_both}; it must have the picture's proportions")
        return None
    mask = masks.resized(masks.from_picture(mask), height, width)
    if not mask.any():
        mistakes.add_file(f"cannot use {path}: the mask is black everywhere; paint white where it applies")
    return mask


def _sized(styles, content, settings, paths, mistakes, notes):
    """Yields the style pictures in the sizes in which they are used."""
    scales = settings.style_scales or (1.0,) * len(styles)
    for style, scale, path in zip(styles, scales, paths, strict=False):
        if style is not None:
            own, width = style.shape[1], _style_width(style, content, scale, settings)
            style = _fitted(style, width, "--style-scales", mistakes)
            if width > own:
                notes.append(f"{path} is enlarged from a width of {own} to {width} pixels")
        yield style


def _style_width(style, content, scale, settings):
    """The width at which a style picture is used."""
    if settings.style_size == "content":
        return sizes.pixels(content.shape[1], scale)
    share = 1 if settings.style_size == "original" else settings.style_size / max(style.shape[:2])
    return sizes.pixels(style.shape[1], scale * share)


def _width(settings, height, width):
    """The width of the output for a content of this size."""
    if settings.width is None and settings.long_side is not None:
        return sizes.pixels(width, min(1, settings.long_side / max(height, width)))
    return settings.width or width


def _fitted(image, width, flag, mistakes):
    """`image` at a width, its proportions kept; None with a mistake added if that is too large a picture."""
    height = sizes.pixels(image.shape[0], width / image.shape[1])
    if height * width > read.MAX_PIXELS:
        mistakes.add_usage(f"{flag}: a picture of {width}x{height} pixels is too large; use a smaller number")
        return None
    return mistakes.catch(sizes.resize, image, height, width)
