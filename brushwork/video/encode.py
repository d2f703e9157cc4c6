"""Encoding: painted frames -> a film, written completely or not at all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import formats, metadata
from brushwork.video import names
from brushwork.video.clip import Timing

BT709 = 1  # code point of primaries, transfer function and matrix in ITU-T H.273
STUDIO_RANGE = 1  # luma of 16 to 235
Replacing = Callable[[str], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True)
class Recipe:
    """How a film is written, besides its frames."""

    timing: Timing  # of the frames of the film, from 0 on
    about: dict[str, Any] | None = None  # metadata.about
    quality: int = 18  # crf of H.264
    sound: str | None = None  # the path of a clip whose sound is copied
    sound_begins: Fraction = Fraction(0)  # s: the part of it that is used


def selected(timing: Timing, numbers: range) -> Timing:
    """The Timing of some frames of a clip; the first is at 0, and each is shown until the next one."""
    starts, after = [timing.starts[number] for number in numbers], numbers[-1] + numbers.step
    end = timing.starts[after] if after < len(timing.starts) else timing.starts[-1] + timing.last
    return Timing([start - starts[0] for start in starts], end - starts[-1], timing.base, timing.rate / numbers.step)


def write_film(
    path: str, frames: Iterable[np.ndarray], recipe: Recipe, replacing: Replacing = files.replacing
) -> list[str]:
    """Write frames, uint8 [H, W, 3], RGB, as the film that the extension of `path` names. Raises PictureError.

    Returns remarks: ends of sentences that begin with the path.
    """
    is_video = names.extension_of(path) in names.CONTAINERS
    remarks, write = [], _write_video if is_video else _write_animation
    try:
        with replacing(path) as file:
            write(file, names.extension_of(path), iter(frames), recipe, remarks)
    except OSError as error:  # PyAV's errors are too
        raise PictureError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise PictureError(f"cannot write {path}: {error}") from error
    return remarks


def _write_animation(file, extension, frames, recipe, remarks):
    """Write GIF, PNG or WebP. Pillow holds the frames in memory."""
    name, timing = names.ANIMATIONS[extension], recipe.timing
    options = metadata.save_options(formats.FORMATS[name], recipe.about)
    options |= {"GIF": {"disposal": 1}, "WEBP": {"quality": 90, "method": 4}, "PNG": {}}[name]
    starts = [round(start * timing.base * 1000) for start in [*timing.starts, timing.starts[-1] + timing.last]]
    durations = [max(1, later - earlier) for earlier, later in itertools.pairwise(starts)]
    first, *others = [Image.fromarray(frame) for frame in frames]
    more = {"save_all": True, "append_images": others, "duration": durations, "loop": 0} if others else {}
    first.save(file, name, **more, **options)


def _write_video(file, extension, frames, recipe, remarks):
    """Write H.264 in BT.709, 4:2:0, which every player shows, with the sound of the clip."""
    import av

    from brushwork.video.sound import Sound

    timing, first = recipe.timing, _even(next(frames))
    options = {"movflags": "+faststart"} if extension != ".mkv" else {}
    with av.open(file.name, "w", format=names.CONTAINERS[extension], options=options) as container:
        video = container.add_stream("libx264", rate=timing.rate.limit_denominator(100_000))
        video.height, video.width = first.shape[:2]
        video.pix_fmt, video.options = "yuv420p", {"crf": str(recipe.quality), "preset": "medium"}
        context = video.codec_context
        context.time_base, context.color_range = timing.base, STUDIO_RANGE
        context.colorspace = context.color_primaries = context.color_trc = BT709
        if recipe.about:
            container.metadata["comment"] = json.dumps(recipe.about)
        sound = Sound(recipe.sound, recipe.sound_begins, container, remarks) if recipe.sound else None
        durations = {start: timing.duration(number) for number, start in enumerate(timing.starts)}
        for number, levels in enumerate(_with_first(first, frames)):
            for packet in video.encode(_yuv(_even(levels), timing.starts[number], timing.base)):
                _mux(container, packet, durations, timing.base)
            if sound:
                sound.copy_until(timing.starts[number] * timing.base)
        for packet in video.encode():
            _mux(container, packet, durations, timing.base)
        if sound:
            sound.copy_until((timing.starts[-1] + timing.last) * timing.base)
            sound.close()


def _with_first(first, others) -> Iterator[np.ndarray]:
    yield first
    yield from others


def _mux(container, packet, durations, base):
    """Write a packet, with the time until the next frame: the encoder does not know that of the last one."""
    start = round(packet.pts * packet.time_base / base)
    if start in durations:
        packet.duration = round(durations[start] * base / packet.time_base)
    container.mux(packet)


def _even(levels):
    """A frame with even sides, as 4:2:0 needs: the last row and the last column are repeated."""
    return np.pad(levels, ((0, levels.shape[0] % 2), (0, levels.shape[1] % 2), (0, 0)), mode="edge")


def _yuv(levels, start, base):
    """A frame uint8 [H, W, 3], RGB, as an av.VideoFrame in BT.709."""
    import av
    from av.video.reformatter import ColorRange, Colorspace

    from brushwork.video.containers import SHARP

    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(levels), format="rgb24").reformat(
        format="yuv420p",
        src_colorspace=Colorspace.ITU709,
        dst_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=SHARP,
    )
    frame.pts, frame.time_base = start, base
    return frame
