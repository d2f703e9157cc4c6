"""Clips that tests make: a gradient that moves, in any container, codec, rate and rotation, with or without sound."""

from fractions import Fraction

import av
import numpy as np

from brushwork.video.encode import _yuv


def picture(number=0, height=36, width=64):
    """A frame uint8 [H, W, 3]: smooth, and other in each frame."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    phase = columns / 9 + number / 2
    channels = 127 + 90 * np.sin(phase), 255 * rows / height, 255 - 250 * columns / width
    return np.rint(np.stack(channels, axis=2)).astype(np.uint8)


def frames(count, height=36, width=64):
    return [picture(number, height, width) for number in range(count)]


def write(path, levels, *, codec="libx264", starts=None, base=Fraction(1, 25), sound=None, **options):
    """Write frames uint8 [H, W, 3] as a video. starts: in units of base. sound: the name of a codec, or None.

    options: pix_fmt, rotation (degrees), and those of av.open.
    """
    pix_fmt, rotation = options.pop("pix_fmt", "yuv420p"), options.pop("rotation", 0)
    starts = range(len(levels)) if starts is None else starts
    with av.open(str(path), "w", options=options) as container:
        video = container.add_stream(codec, rate=25, options={"crf": "4", "g": "4"})
        video.height, video.width = levels[0].shape[:2]
        video.pix_fmt, video.codec_context.time_base = pix_fmt, base
        context = video.codec_context
        context.color_range = context.colorspace = context.color_primaries = context.color_trc = 1
        tone = container.add_stream(sound, rate=8000, layout="mono") if sound else None
        for start, each in zip(starts, levels, strict=True):
            frame = _yuv(each, start, base)
            frame = frame if pix_fmt == "yuv420p" else frame.reformat(format=pix_fmt)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if tone:
            _write_tone(container, tone, float((starts[-1] + 1) * base))
    if rotation:
        turned(path, rotation)


def _write_tone(container, stream, seconds):
    samples = np.sin(np.arange(int(8000 * seconds)) * 0.3)
    for begin in range(0, len(samples), 1024):
        part = (samples[begin : begin + 1024] * 20000).astype(np.int16)[np.newaxis]
        frame = av.AudioFrame.from_ndarray(part, format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = 8000, begin, Fraction(1, 8000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def turned(path, degrees):
    """Write the rotation of a phone into the track header of an mp4: the matrix of ISO 14496-12, 8.3.2."""
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees % 360]
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40
    numbers = cosine, sine, 0, -sine, cosine, 0
    for index, number in enumerate(numbers):
        data[place + 4 * index : place + 4 * index + 4] = (number << 16 & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(bytes(data))
