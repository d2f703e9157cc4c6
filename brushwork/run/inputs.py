"""The inputs of a run: pictures and masks, read and resized to the sizes in which they are used."""

import argparse
import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from brushwork.errors import Mistakes
from brushwork.pictures import masks, read, sizes
from brushwork.pictures.masks import Masks
from brushwork.preview_settings import PreviewSettings
from brushwork.run.jobs import Job
from brushwork.schedule import make_schedule
from brushwork.settings import STARTS, Settings

SMALL = 16  # px of the longer side: a style reduced to less shows no strokes


class Inputs(NamedTuple):
    """Pictures, float32 [H, W, 3], RGB, 0..255, and masks [H, W], 0..1; None where one is absent or cannot be used."""

    content: np.ndarray | None
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    styles: list[np.ndarray | None]
    initial: np.ndarray | None
    masks: Masks

    @property
    def size(self) -> tuple[int, ...]:
        """(height, width) of the output, or () if it is unknown."""
        return () if self.content is None else self.content.shape[:2]


def read_inputs(
    job: Job,
    options: argparse.Namespace,
    settings: Settings | PreviewSettings | None,
    mistakes: Mistakes,
    warnings: list[str],
) -> Inputs:
    """Read the pictures and masks of a Job; what is wrong is added to `mistakes`, what is unusual to `warnings`.

    Without settings, because there are mistakes in them, pictures keep their sizes.
    """
    reader = _Reader(options, mistakes, warnings)
    content, opacity = reader.content(job.content)
    styles = [reader.image(path) for path in job.styles]
    initial = reader.initial(start_path(settings))
    if settings and content is not None:
        content = reader.sized_content(content, settings, job.content)
    if isinstance(settings, Settings) and content is not None:  # the preview network resizes styles itself
        height, width = content.shape[:2]
        if any(each >= width for _, each in make_schedule(settings, height, width).sizes[:-1]):
            mistakes.add_usage(f"--scales takes widths below the output's, which is {width}")
        styles = list(reader.sized_styles(styles, content, settings, job.styles))
        initial = None if initial is None else sizes.cover(initial, height, width)
    if content is None:
        opacity = None
    opacity = None if opacity is None else masks.resize(opacity, *content.shape[:2])
    return Inputs(content, opacity, styles, initial, reader.masks(content, styles))


def start_path(settings: Settings | PreviewSettings | None) -> str | None:
    """The path of the picture that an optimisation starts from, or None."""
    return settings.initial if isinstance(settings, Settings) and settings.initial not in STARTS else None


class _Reader:
    """Reads the files of a command line."""

    def __init__(self, options, mistakes, warnings):
        self._options, self._mistakes, self._warnings = options, mistakes, warnings

    def content(self, path):
        """(the content picture, its opacity if the output is to have it), or None."""
        opened = self._opened(path)
        if opened is None:
            return None, None
        keep_alpha = self._options.keep_alpha
        if opened.profile:
            self._warnings.append(f"{path} is in {opened.profile}; it is converted to sRGB, as the output is")
        if opened.opacity is not None and not keep_alpha:
            remedy = "they are painted over white unless --keep-alpha is given"
            self._warnings.append(f"{path} is transparent in places; {remedy}")
        if opened.opacity is None and keep_alpha:
            self._warnings.append(f"--keep-alpha has no effect: {path} is not transparent")
        return opened.image, opened.opacity if keep_alpha else None

    def image(self, path):
        """The image in a file, float32 [H, W, 3], RGB, 0..255, or None."""
        opened = self._opened(path)
        return None if opened is None else opened.image

    def initial(self, path):
        """The picture to start from, or None."""
        if path is not None and not os.path.splitext(path)[1] and not os.path.exists(path):
            self._mistakes.add_usage(f"--initial must be {', '.join(STARTS)} or a picture, not {path}")
            return None
        return None if path is None else self.image(path)

    def sized_content(self, content, settings, path):
        """The content in the size of the output, float32 [height, width, 3], 0..255, or None."""
        height, width = sizes.output_size(settings, *content.shape[:2])
        if width > content.shape[1]:
            self._warnings.append(f"{path} is enlarged from a width of {content.shape[1]} to {width} pixels")
        return self._resized(content, height, width, "--height" if settings.height else "--width")

    def sized_styles(self, styles, content, settings, paths) -> Iterator[np.ndarray | None]:
        """Yield the style pictures in the sizes in which they are used, float32 [h, w, 3], 0..255, or None."""
        scales = settings.style_scales or (1.0,) * len(styles)
        for style, scale, path in zip(styles, scales, paths, strict=False):
            if style is None:
                yield None
                continue
            own, width = style.shape[1], _style_width(style, content, scale, settings)
            height = sizes.pixels(style.shape[0], width / own)
            if width > own:
                self._warnings.append(f"{path} is enlarged from a width of {own} to {width} pixels")
            elif max(height, width) < SMALL < own:
                self._warnings.append(f"{path} is reduced to {width}x{height} pixels, which shows none of its strokes")
            yield self._resized(style, height, width, "--style-scales")

    def masks(self, content, styles):
        """The Masks of the flags, each in the size of its picture."""
        options = self._options
        sources = zip(options.style_source_masks or (), styles, strict=False)
        return Masks(
            tuple(self._mask(path, content) for path in options.style_masks or ()),
            self._mask(options.content_mask, content) if options.content_mask else None,
            tuple(self._mask(path, style) for path, style in sources),
        )

    def _opened(self, path):
        """The read.Picture in a file, or None."""
        opened = self._mistakes.catch(read.picture, path)
        if opened is not None and opened.frames > 1:
            self._warnings.append(f"{path} holds {opened.frames} pictures, as an animation does; the first one is used")
        return opened

    def _resized(self, image, height, width, flag):
        """The image at a size, or None if that is too large a picture."""
        if height * width > read.MAX_PIXELS:
            too_large = f"a picture of {width}x{height} pixels is too large; use a smaller number"
            self._mistakes.add_usage(f"{flag}: {too_large}")
            return None
        return self._mistakes.catch(sizes.resize, image, height, width)

    def _mask(self, path, picture):
        """The mask in a file, in the size of `picture`, or None."""
        opened = self._mistakes.catch(read.picture, path)
        if opened is None or picture is None:
            return None
        mask = masks.from_image(opened.image, opened.opacity)
        if masks.is_colored(opened.image):
            meaning = "only its brightness counts as a mask: white applies, black does not"
            self._warnings.append(f"{path} is in colour, and {meaning}")
        (height, width), (mask_height, mask_width) = picture.shape[:2], mask.shape[:2]
        # Proportions may differ by a rounded side.
        if abs(height * mask_width - width * mask_height) > max(height, width, mask_height, mask_width):
            both = f"a mask of {mask_width}x{mask_height} for a picture of {width}x{height} pixels"
            self._mistakes.add_file(f"cannot use {path}: {both}; it must have the picture's proportions")
            return None
        mask = masks.resize(mask, height, width)
        if mask.max() < masks.GREY:
            black = "black everywhere" if opened.opacity is None else "black or transparent everywhere"
            self._mistakes.add_file(f"cannot use {path}: the mask is {black}; paint white where it applies")
        elif mask.min() > 1 - masks.GREY:
            where = "so this mask applies everywhere; paint black where it does not"
            self._warnings.append(f"{path} is white everywhere, {where}")
        return mask


def _style_width(style, content, scale, settings):
    """The width at which a style picture is used."""
    if settings.style_size == "content":
        return sizes.pixels(content.shape[1], scale)
    share = 1 if settings.style_size == "original" else settings.style_size / max(style.shape[:2])
    return sizes.pixels(style.shape[1], scale * share)
