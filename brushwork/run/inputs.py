"""The inputs of a run: pictures and masks, read and resized to the sizes in which they are used."""

import argparse
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from brushwork.errors import Mistakes
from brushwork.pictures import formats, masks, read, sizes
from brushwork.pictures.exif import Photograph
from brushwork.pictures.masks import Masks
from brushwork.preview.layers import STYLE_SIDE
from brushwork.preview_settings import PreviewSettings
from brushwork.run.jobs import Job
from brushwork.schedule import make_schedule
from brushwork.settings import STARTS, Settings

SMALL = 16  # px of the longer side: a style reduced to less shows no strokes
PREVIEW_PIXELS = 4_000_000  # of a style of a preview network, which sees a small square
GREY = 2  # of 255: a picture whose channels differ by less everywhere has no colours
UNUSED = 1, 1  # size of a picture that is only checked, because of other mistakes


class Inputs(NamedTuple):
    """Pictures, float32 [H, W, 3], RGB, 0..255, and masks [H, W], 0..1; None where one is absent or cannot be used."""

    content: np.ndarray | None
    opacity: np.ndarray | None  # [H, W], 0..1: the alpha channel of the output
    styles: list[np.ndarray | None]
    initial: np.ndarray | None
    masks: Masks
    photograph: Photograph | None  # metadata of the content that the output is to keep

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
    with read.quiet():
        content, opacity, photograph = reader.content(job, settings)
        styles = [reader.style(path, index, content, settings) for index, path in enumerate(job.styles)]
        initial = reader.initial(start_path(settings), content)
        if isinstance(settings, Settings) and content is not None:
            height, width = content.shape[:2]
            if any(each >= width for _, each in make_schedule(settings, height, width).sizes[:-1]):
                mistakes.add_usage(f"--scales takes widths below the output's, which is {width}")
        found = reader.masks(content, styles, job, settings)
    images = [None if style is None else style.image for style in styles]
    if settings and settings.colors == "style" and content is not None and all(each is not None for each in images):
        reader.hint_at_grey(content, images)
    return Inputs(content, opacity, images, initial, found, photograph)


def start_path(settings: Settings | PreviewSettings | None) -> str | None:
    """The path of the picture that an optimisation starts from, or None."""
    return settings.initial if isinstance(settings, Settings) and settings.initial not in STARTS else None


class _Reader:
    """Reads the files of a command line."""

    def __init__(self, options, mistakes, warnings):
        self._options, self._mistakes, self._warnings = options, mistakes, warnings

    def content(self, job, settings):
        """(the content in the size of the output, its opacity, its metadata); None for what is not to be kept."""
        path = job.content
        flag = "--height" if settings and settings.height else "--width"
        size = _Size(lambda *size: sizes.output_size(settings, *size), flag, self._mistakes) if settings else None
        opened = self._opened(path, size) if job.frame is None else _resized(job.frame, size)
        if opened is None:
            return None, None, None
        keep_alpha = self._options.keep_alpha
        if opened.profile:
            self._warnings.append(f"{path} is in {opened.profile}; it is converted to sRGB, as the output is")
        if opened.opacity is not None and not keep_alpha:
            everywhere = opened.opacity.max() < masks.GREY
            what = "every pixel of {} is transparent" if everywhere else "{} is transparent in places"
            remedy = "they are painted over white unless --keep-alpha is given"
            self._warnings.append(f"{what.format(path)}; {remedy}")
        if opened.opacity is None and keep_alpha:
            self._warnings.append(f"--keep-alpha has no effect: {path} is not transparent")
        self._mention_enlarged(path, opened)
        opacity = opened.opacity if keep_alpha else None
        return opened.image, opacity, self._photograph(opened, job) if self._options.keep_metadata else None

    def _photograph(self, opened, job):
        """The metadata of the content, or None with a warning."""
        kind = formats.format_of(job.output)
        if kind is not None and not kind.holds_photograph:
            self._warnings.append(f"--keep-metadata has no effect: {kind.name} files hold no date, place or copyright")
        elif opened.photograph is None:
            self._warnings.append(f"--keep-metadata has no effect: {job.content} holds no date, place or copyright")
        return opened.photograph

    def style(self, path, index, content, settings):
        """The read.Picture of a style in the size in which it is used, or None."""
        if content is None or settings is None:
            self._opened(path, lambda *size: UNUSED)
            return None
        if isinstance(settings, PreviewSettings):  # the preview network resizes it
            return self._opened(path, _preview_size)
        scale = settings.style_scales[index] if index < len(settings.style_scales) else 1.0

        def used(height, width):
            new = _style_width(height, width, content, scale, settings)
            return sizes.pixels(height, new / width), new

        opened = self._opened(path, _Size(used, "--style-scales", self._mistakes))
        if opened is None:
            return None
        height, width = opened.image.shape[:2]
        if max(height, width) < SMALL < opened.full_size[1]:
            self._warnings.append(f"{path} is reduced to {width}x{height} pixels, which shows none of its strokes")
        self._mention_enlarged(path, opened)
        return opened

    def initial(self, path, content):
        """The picture to start from, which covers the content, or None."""
        if path is not None and not os.path.splitext(path)[1] and not os.path.exists(path):
            self._mistakes.add_usage(f"--initial must be {', '.join(STARTS)} or a picture, not {path}")
            return None
        if path is None or content is None:
            return None if path is None else self._opened(path, lambda *size: UNUSED) and None
        height, width = content.shape[:2]

        def covering(full_height, full_width):
            share = max(height / full_height, width / full_width)
            return sizes.scale_size((full_height, full_width), share) if share < 1 else (full_height, full_width)

        opened = self._opened(path, covering)
        return None if opened is None else sizes.cover(opened.image, height, width)

    def masks(self, content, styles, job, settings):
        """The Masks of the flags, each in the size of its picture."""
        options = self._options
        images = [None if style is None else style.image for style in styles]
        sources = tuple(map(self._mask, options.style_source_masks or (), images))
        return Masks(
            tuple(self._mask(path, content) for path in options.style_masks or ()),
            self._mask(options.content_mask, content) if options.content_mask else None,
            sources or self._opaque_parts(styles, job.styles, settings),
        )

    def _opaque_parts(self, styles, paths, settings):
        """Source masks of styles that are transparent in places; () if none is."""
        both = zip(paths, styles, strict=True)
        transparent = {path: style for path, style in both if style is not None and style.opacity is not None}
        for path, style in transparent.items():
            if style.opacity.max() < masks.GREY:
                self._mistakes.add_file(f"cannot use {path}: every pixel is transparent")
            elif isinstance(settings, Settings):
                self._warnings.append(f"{path} is transparent in places; only the rest counts as the style")
            else:
                self._warnings.append(f"{path} is transparent in places, which count as white in the style")
        if not transparent or not isinstance(settings, Settings) or any(each is None for each in styles):
            return ()
        return tuple(_opacity(style) for style in styles)

    def hint_at_grey(self, content, styles):
        """Mention --colors luma if the content and all styles are grey: networks see colours in between."""
        if all(np.ptp(image, axis=2).max() < GREY for image in (content, *styles)):
            hint = "--colors luma keeps it grey"
            self._warnings.append(f"the content and the styles are grey, but the picture may get colours; {hint}")

    def _mention_enlarged(self, path, opened):
        old, new = opened.full_size[1], opened.image.shape[1]
        if new > old:
            self._warnings.append(f"{path} is enlarged from a width of {old} to {new} pixels")

    def _opened(self, path, size=None):
        """The read.Picture in a file, or None."""
        opened = self._mistakes.catch(read.picture, path, size)
        if isinstance(size, _Size) and size.is_too_large:
            return None
        if opened is not None and opened.frames > 1:
            self._warnings.append(f"{path} holds {opened.frames} pictures, as an animation does; the first one is used")
        if opened is not None:
            self._warnings.extend(f"{path} {remark}" for remark in opened.remarks)
        return opened

    def _mask(self, path, picture):
        """The mask in a file, in the size of `picture`, or None."""
        size = UNUSED if picture is None else picture.shape[:2]
        opened = self._mistakes.catch(read.picture, path, lambda *full_size: size)
        if opened is None or picture is None:
            return None
        if masks.is_colored(opened.image):
            meaning = "only its brightness counts as a mask: white applies, black does not"
            self._warnings.append(f"{path} is in colour, and {meaning}")
        (height, width), (mask_height, mask_width) = picture.shape[:2], opened.full_size
        # Proportions may differ by a rounded side.
        if abs(height * mask_width - width * mask_height) > max(height, width, mask_height, mask_width):
            both = f"a mask of {mask_width}x{mask_height} for a picture of {width}x{height} pixels"
            self._mistakes.add_file(f"cannot use {path}: {both}; it must have the picture's proportions")
            return None
        mask = masks.from_image(opened.image, opened.opacity)
        if mask.max() < masks.GREY:
            black = "black everywhere" if opened.opacity is None else "black or transparent everywhere"
            self._mistakes.add_file(f"cannot use {path}: the mask is {black}; paint white where it applies")
        elif mask.min() > 1 - masks.GREY:
            where = "so this mask applies everywhere; paint black where it does not"
            self._warnings.append(f"{path} is white everywhere, {where}")
        return mask


class _Size:
    """The size in which a picture is used: a function for read.picture, which refuses pictures that are too large."""

    def __init__(self, size: Callable[[int, int], tuple[int, int]], flag: str, mistakes: Mistakes):
        self._size, self._flag, self._mistakes = size, flag, mistakes
        self.is_too_large = False

    def __call__(self, height: int, width: int) -> tuple[int, int]:
        height, width = self._size(height, width)
        if height * width <= read.MAX_PIXELS:
            return height, width
        if not self.is_too_large:
            too_large = f"a picture of {width}x{height} pixels is too large; use a smaller number"
            self._mistakes.add_usage(f"{self._flag}: {too_large}")
        self.is_too_large = True
        return UNUSED


def _resized(picture, size):
    """A read.Picture in the size in which it is used, or None if that is too large. size: a _Size, or None."""
    wanted = picture.full_size if size is None else size(*picture.full_size)
    if size is not None and size.is_too_large:
        return None
    return picture._replace(image=np.clip(sizes.resample(picture.image, *wanted), 0, 255))


def _opacity(picture):
    """The opacity of a read.Picture, [H, W], 0..1."""
    opaque = np.ones(picture.image.shape[:2], np.float32)
    return opaque if picture.opacity is None else picture.opacity


def _preview_size(height, width):
    """The size in which a style of a preview is read: its own, or smaller, but its shorter side is seen."""
    share = max(STYLE_SIDE / min(height, width), (PREVIEW_PIXELS / (height * width)) ** 0.5)
    return sizes.scale_size((height, width), min(1, share))


def _style_width(height, width, content, scale, settings):
    """The width at which a style picture of a size in px is used."""
    if settings.style_size == "content":
        return sizes.pixels(content.shape[1], scale)
    share = 1 if settings.style_size == "original" else settings.style_size / max(height, width)
    return sizes.pixels(width, scale * share)
