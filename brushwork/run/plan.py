"""The plan of a run: every input read, every output checked, and everything decided that can be decided before it.

Nothing is written, and TensorFlow is not imported. All mistakes are found before any of them is reported.
"""

import argparse
import functools
import math
import os
import time
from dataclasses import dataclass, replace

import numpy as np

from brushwork import state
from brushwork.digest import digest_of
from brushwork.engine import memory
from brushwork.errors import Mistakes
from brushwork.messages import logger
from brushwork.pictures import masks, read, sizes
from brushwork.pictures.masks import Masks
from brushwork.preview_settings import PreviewSettings
from brushwork.run import jobs
from brushwork.run.outputs import check_outputs
from brushwork.run.unused_flags import refused, without_effect
from brushwork.schedule import Schedule, make_schedule
from brushwork.settings import SETTINGS, STARTS, Settings

SMALL = 16  # px of the longer side: what is reduced to less than it has lost its strokes


@dataclass(frozen=True)
class Plan:
    """A checked run. Pictures are float32 [H, W, 3], RGB, 0..255, in the sizes in which they are used."""

    job: jobs.Job
    options: argparse.Namespace  # the parsed command line
    settings: Settings
    network: object  # vgg.Network; of an instant picture, what instant.store.resolve returns
    content: np.ndarray
    styles: list[np.ndarray]
    initial: np.ndarray | None
    masks: Masks
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    deadline: float  # by time.monotonic
    resume: state.State | None = None  # what the run goes on from
    precision: str | None = None  # "float32" or "bfloat16"; `decided` sets it
    tile_sizes: tuple[int | None, ...] = ()  # px, or None for untiled, at each scale; `decided` sets them

    @functools.cached_property
    def digests(self):
        """Digests of everything that the picture is made from, besides the settings, by the names in state.INPUTS."""
        given = [*self.masks.styles, *self.masks.sources]
        given += [self.masks.content] if self.masks.content is not None else []
        counts = np.array([len(self.masks.styles), len(self.masks.sources), self.masks.content is not None])
        return {
            "network": self.network.digest,
            "content": digest_of(self.content),
            "styles": digest_of(*self.styles),
            "initial": digest_of(*(() if self.initial is None else (self.initial,))),
            "masks": digest_of(counts, *given),
        }

    @functools.cached_property
    def schedule(self) -> Schedule:
        """The Schedule of the optimisation."""
        return make_schedule(self.settings, *self.content.shape[:2], self.tile_sizes)

    @property
    def unsized_settings(self):
        """The settings for the method: the pictures have their sizes already."""
        defaults = {name: each.default for name, each in SETTINGS.items() if each.affects == "size"}
        return replace(self.settings, **defaults)

    def decided(self, precision):
        """This plan with the precision, and the tile sizes for the memory that is free now. Raises DoesNotFit."""
        size, *style_sizes = (picture.shape[:2] for picture in (self.content, *self.styles))
        masks = len(self.masks.styles)
        workload = memory.Workload(self.network, self.settings, precision, size, style_sizes, masks)
        return replace(self, precision=precision, tile_sizes=tuple(memory.tile_sizes(workload)))


def make_plan(job, options, network_for):
    """The Plan of a jobs.Job under parsed options. Raises Mistakes, with everything that is wrong.

    network_for(settings, mistakes) -> the network to use, or None with a mistake added; settings may be None.
    """
    mistakes, notes = Mistakes(), []
    settings = jobs.make_settings(options, job, mistakes)
    jobs.check_flags(options, job, mistakes)
    content, opacity = _content(job.content, options, mistakes, notes)
    styles = [_image(path, mistakes, notes) for path in job.styles]
    start = settings.initial if settings and not options.instant and settings.initial not in STARTS else None
    initial = _initial(start, mistakes, notes)
    if settings and content is not None:
        content = _sized_content(content, settings, job.content, mistakes, notes)
    if settings and content is not None and not options.instant:  # its network sees styles in a size of its own
        if any(width >= content.shape[1] for _, width in make_schedule(settings, *content.shape[:2]).sizes[:-1]):
            mistakes.add_usage(f"--scales takes widths below the output's, which is {content.shape[1]}")
        styles = list(_sized(styles, content, settings, job.styles, mistakes, notes))
        initial = None if initial is None else sizes.cover(initial, *content.shape[:2])
    given = _masks(options, content, styles, mistakes, notes)
    size = () if content is None else content.shape[:2]
    opacity = None if opacity is None or content is None else masks.resize(opacity, *size)
    last = _iterations(settings, size) if settings and size else None
    about = {"size": size, "transparent": opacity is not None}
    check_outputs(job, options, **about, last=last, start=start, mistakes=mistakes)
    for sentence in refused(options):
        mistakes.add_usage(sentence)
    network = network_for(settings, mistakes)
    mistakes.check()
    notes += without_effect(options, settings, job, size)
    deadline = time.monotonic() + (math.inf if options.max_seconds is None else options.max_seconds)
    plan = Plan(job, options, settings, network, content, styles, initial, given, opacity, deadline)
    if job.resume:
        plan = _resumed(plan)
    for note in notes:
        logger.warning(note)
    return plan


def _iterations(settings, size):
    """The number of iterations at all scales of a picture of `size` (height, width); an instant picture has none."""
    return 0 if isinstance(settings, PreviewSettings) else make_schedule(settings, *size).iterations


def _content(path, options, mistakes, notes):
    """(the content picture, its opacity if the output is to have it) in a file; None where there is none."""
    opened = mistakes.catch(read.picture, path)
    if opened is None:
        return None, None
    _note_frames(path, opened, notes)
    if opened.profile:
        notes.append(f"{path} is in {opened.profile}; it is converted to sRGB, as the output is")
    if opened.opacity is not None and not options.keep_alpha:
        notes.append(f"{path} is transparent in places; they are painted over white unless --keep-alpha is given")
    if opened.opacity is None and options.keep_alpha:
        notes.append(f"--keep-alpha has no effect: {path} is not transparent")
    return opened.image, opened.opacity if options.keep_alpha else None


def _image(path, mistakes, notes):
    """The image in a file, or None with a mistake added."""
    opened = mistakes.catch(read.picture, path)
    if opened is None:
        return None
    _note_frames(path, opened, notes)
    return opened.image


def _initial(path, mistakes, notes):
    """The picture to start from, or None."""
    if path is not None and not os.path.splitext(path)[1] and not os.path.exists(path):
        mistakes.add_usage(f"--initial must be {', '.join(STARTS)} or a picture, not {path}")
        return None
    return None if path is None else _image(path, mistakes, notes)


def _note_frames(path, opened, notes):
    if opened.frames > 1:
        notes.append(f"{path} holds {opened.frames} pictures, as an animation does; the first one is used")


def _sized_content(content, settings, path, mistakes, notes):
    """The content in the size of the output; None with a mistake added."""
    height, width = sizes.output_size(settings, *content.shape[:2])
    if width > content.shape[1]:
        notes.append(f"{path} is enlarged from a width of {content.shape[1]} to {width} pixels")
    return _fitted(content, (height, width), "--height" if settings.height else "--width", mistakes)


def _resumed(plan):
    """The plan with the State that its job goes on from. Raises Mistakes if that is of another run."""
    path, options, mistakes = plan.job.resume, plan.options, Mistakes()
    named = path == options.resume  # by the user; otherwise it was found beside its picture
    saved = options.saved if named else mistakes.catch(state.read, path)
    mistakes.check()
    again = f"give the flags of its run, or remove {path} and {plan.job.output}"
    flags, inputs = state.differences(saved, plan.settings, plan.digests)
    for sentence in flags:
        mistakes.add_usage(f"cannot resume {path}: {sentence}; {'a resumed run keeps its own' if named else again}")
    for sentence in inputs:
        mistakes.add_file(f"cannot resume {path}: {sentence}; {'a resumed run needs the same' if named else again}")
    if not mistakes.sentences and not state.fits(saved.state, plan.settings, *plan.content.shape[:2]):
        mistakes.add_file(f"cannot resume {path}: damaged")
    mistakes.check()
    return replace(plan, resume=saved.state)


def _masks(options, content, styles, mistakes, notes):
    """The Masks of the flags, each in the size of its picture."""
    sources = zip(options.style_source_masks or (), styles, strict=False)
    return Masks(
        tuple(_mask(path, content, mistakes, notes) for path in options.style_masks or ()),
        _mask(options.content_mask, content, mistakes, notes) if options.content_mask else None,
        tuple(_mask(path, style, mistakes, notes) for path, style in sources),
    )


def _mask(path, picture, mistakes, notes):
    """The mask in a file, in the size of `picture`; None with a mistake added."""
    opened = mistakes.catch(read.picture, path)
    if opened is None or picture is None:
        return None
    mask = masks.from_image(opened.image, opened.opacity)
    if masks.is_colored(opened.image):
        notes.append(f"{path} is in colour, and only its brightness counts as a mask: white applies, black does not")
    (height, width), (mask_height, mask_width) = picture.shape[:2], mask.shape[:2]
    # Proportions may differ by a rounded side.
    if abs(height * mask_width - width * mask_height) > max(height, width, mask_height, mask_width):
        sizes_of_both = f"a mask of {mask_width}x{mask_height} for a picture of {width}x{height} pixels"
        mistakes.add_file(f"cannot use {path}: {sizes_of_both}; it must have the picture's proportions")
        return None
    mask = masks.resize(mask, height, width)
    if mask.max() < masks.GREY:
        black = (
            "the mask is black everywhere" if opened.opacity is None else "the mask is black or transparent everywhere"
        )
        mistakes.add_file(f"cannot use {path}: {black}; paint white where it applies")
    elif mask.min() > 1 - masks.GREY:
        notes.append(f"{path} is white everywhere, so this mask applies everywhere; paint black where it does not")
    return mask


def _sized(styles, content, settings, paths, mistakes, notes):
    """Yields the style pictures in the sizes in which they are used."""
    scales = settings.style_scales or (1.0,) * len(styles)
    for style, scale, path in zip(styles, scales, paths, strict=False):
        if style is not None:
            own, width = style.shape[1], _style_width(style, content, scale, settings)
            size = sizes.pixels(style.shape[0], width / own), width
            style = _fitted(style, size, "--style-scales", mistakes)
            if width > own:
                notes.append(f"{path} is enlarged from a width of {own} to {width} pixels")
            elif max(size) < SMALL < own:
                notes.append(f"{path} is reduced to {size[1]}x{size[0]} pixels, which shows nothing of its strokes")
        yield style


def _style_width(style, content, scale, settings):
    """The width at which a style picture is used."""
    if settings.style_size == "content":
        return sizes.pixels(content.shape[1], scale)
    share = 1 if settings.style_size == "original" else settings.style_size / max(style.shape[:2])
    return sizes.pixels(style.shape[1], scale * share)


def _fitted(image, size, flag, mistakes):
    """`image` at a size, (height, width); None with a mistake added if that is too large a picture."""
    height, width = size
    if height * width > read.MAX_PIXELS:
        mistakes.add_usage(f"{flag}: a picture of {width}x{height} pixels is too large; use a smaller number")
        return None
    return mistakes.catch(sizes.resize, image, height, width)
