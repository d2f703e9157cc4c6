"""Videos: the frames of a file that FFmpeg reads, upright and in sRGB. PyAV is imported with this module."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from brushwork import files
from brushwork.errors import PictureError
from brushwork.pictures import color_spaces, sizes
from brushwork.pictures.raster import MAX_PIXELS
from brushwork.video.clip import Size, Timing

SHARP = Interpolation.LANCZOS | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP | Interpolation.FULL_CHR_H_INT
SMALL = 576  # rows, at most, of a video whose colours follow BT.601 if it does not say
UNKNOWN = 2  # code point of colours in ITU-T H.273
HDR = 16, 18  # transfer functions: PQ and HLG
MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 7: Colorspace.SMPTE240M}  # code point -> that of the conversion
MATRICES |= dict.fromkeys((5, 6), Colorspace.ITU601) | dict.fromkeys((9, 10), Colorspace.BT2020)


class Video:
    """A clip in a video file. Raises PictureError, and nothing else, whatever is in the file."""

    may_have_sound = True
    threads = "AUTO"  # of the decoder: FFmpeg's thread_type

    def __init__(self, path: str):
        self.path, self.remarks = path, []
        try:
            with self._open() as container:
                stream = _video_stream(container, path)
                self.timing = self._timing(container, stream)
            first = next(self._decoded(range(1)))
        except StopIteration:
            raise PictureError(f"cannot read {path}: no frame of it can be decoded") from None
        except (av.FFmpegError, ValueError, OverflowError, ZeroDivisionError) as error:
            raise PictureError(f"cannot read {path}: {_reason(error)}") from error
        height, width = first.height, self._displayed_width(first.width)
        if height * width > MAX_PIXELS:
            raise PictureError(f"cannot read {path}: more than the limit of {MAX_PIXELS} pixels")
        self.size = (width, height) if first.rotation % 180 else (height, width)
        if first.color_trc in HDR:
            self.remarks.append("is HDR; it is converted to sRGB, with white at 203 cd/m2")
        if first.interlaced_frame:
            self.remarks.append("is interlaced, and its lines show in what moves; ffmpeg -vf bwdif removes them")

    def _open(self):
        """The av.InputContainer of the file."""
        return av.open(self.path)

    def _displayed_width(self, width):
        return max(1, round(width * self._aspect))

    def _timing(self, container, stream):
        """When frames are shown, from the packets: nothing is decoded."""
        packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
        self._aspect = stream.sample_aspect_ratio or Fraction(1)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        self._times = sorted({packet.pts for packet in packets if packet.pts is not None})
        if self._times and len(self._times) == len(packets):
            base, starts = stream.time_base, self._times
            durations = {packet.pts: packet.duration for packet in packets}
            last = durations[starts[-1]] or max(1, round(1 / (rate * base)))
        else:  # a raw stream, or one without a time for each frame
            self._times = None
            base, starts, last = 1 / rate, range(len(packets)), 1
        if not packets:
            raise PictureError(f"cannot read {self.path}: its video has no frames")
        self.declared = max(stream.frames, self._promised(container, base, starts[-1] + last - starts[0], len(packets)))
        return Timing(starts, last, base, rate)

    def _promised(self, container, base, length, count):
        """The number of frames by the duration that the file declares; `count` unless it is much longer."""
        if not container.duration:
            return count
        promised = container.duration / av.time_base
        found = float(length * base)
        audio = [each.duration * each.time_base for each in container.streams.audio if each.duration]
        if found <= 0 or promised < 1.2 * found + 1 or any(each > 1.1 * found for each in audio):
            return count
        return math.floor(count * promised / found)

    def frames(self, size: Size, numbers: range) -> Iterator[np.ndarray]:
        wanted, number = size(*self.size), numbers.start
        try:
            for frame in self._decoded(numbers):
                image = np.rot90(rgb_of(frame), frame.rotation // 90)
                yield np.clip(sizes.resample(np.ascontiguousarray(image), *wanted), 0, 255)
                number += numbers.step
        except (av.FFmpegError, ValueError) as error:
            raise PictureError(f"cannot read frame {number + 1} of {self.path}: {_reason(error)}") from error

    def _decoded(self, numbers: range) -> Iterator[Any]:
        """Yield the av.VideoFrames of some numbers, from the key frame before the first of them on."""
        yield from self._decoded_after(numbers, numbers.start if self._times else 0)

    def _decoded_after(self, numbers, place):
        """The same; place: the frame before whose key frame decoding begins."""
        with self._open() as container:
            stream = _video_stream(container, self.path)
            stream.thread_type = self.threads
            if place:
                container.seek(self._times[place], stream=stream, backward=True)
            for count, frame in enumerate(container.decode(stream)):
                number = count if self._times is None or frame.pts is None else bisect_left(self._times, frame.pts)
                if place and not count and number > place:  # a file whose index is wrong
                    yield from self._decoded_after(numbers, 0)
                    return
                if number in numbers:
                    yield frame
                if number + 1 >= numbers.stop:
                    return

    def digest(self) -> str:
        return files.digest(self.path)


def _video_stream(container, path):
    """The video of a container that is no cover picture."""
    streams = [each for each in container.streams.video if not each.disposition & each.disposition.attached_pic]
    if not streams:
        raise PictureError(f"cannot read {path}: there is no video in it")
    return streams[0]


def rgb_of(frame: Any) -> np.ndarray:
    """An av.VideoFrame in sRGB: float32 [H, W, 3], 0..255, not rotated."""
    matrix = frame.colorspace if frame.colorspace != UNKNOWN else (6 if frame.height <= SMALL else 1)
    source = MATRICES.get(matrix, Colorspace.ITU709)
    space = color_spaces.of_code_points(frame.color_primaries, frame.color_trc) if frame.color_trc in HDR else None
    kind = "rgb48le" if space else "rgb24"
    full = ColorRange.JPEG
    given = full if frame.color_range == full or frame.format.name.startswith("yuvj") else ColorRange.MPEG
    converted = frame.reformat(
        format=kind,
        src_colorspace=source,
        dst_colorspace=source,
        src_color_range=given,
        dst_color_range=full,
        interpolation=SHARP,
    )
    image = converted.to_ndarray().astype(np.float32)
    return space.to_srgb(image / 257) if space else image


def _reason(error):
    """Why FFmpeg cannot read a file, as the end of a sentence."""
    if isinstance(error, av.error.InvalidDataError):
        return "it is no video, or damaged or truncated"
    return getattr(error, "strerror", None) or str(error) or "damaged"
