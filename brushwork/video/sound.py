"""The sound of a clip: its packets are copied into the film, or encoded as AAC where its container takes no such."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

COPIED = {  # FFmpeg's name of a container -> codecs that players find in it
    "mp4": {"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_f32le"},
}
BIT_RATE = 192_000  # of AAC


class Sound:
    """The sound of a clip from a time on, which goes into a film that is written. `close` it at the end."""

    def __init__(self, path: str, begins: Fraction, film: Any, remarks: list[str]):
        """film: an av container that is open for writing, with its video stream. remarks: of encode.write_film."""
        self._clip, self._film, self._begins, self._stream = av.open(path), film, begins, None
        self._held, self._ended = None, False
        if not self._clip.streams.audio:
            return
        source = self._clip.streams.audio[0]
        codec, container = source.codec_context.name, film.format.name.partition(",")[0]
        if codec in COPIED.get(container, {codec}):
            self._stream = film.add_stream_from_template(source)
            self._packets = self._copied(source)
        else:
            self._stream = film.add_stream("aac", rate=source.codec_context.sample_rate)
            self._stream.bit_rate = BIT_RATE
            self._packets = self._encoded(source)
            remarks.append(f"has the sound as AAC, since {container} holds no {codec}")

    def copy_until(self, time: Fraction) -> None:
        """Write the packets that begin before a time of the film, in s."""
        while self._stream is not None and not self._ended:
            packet = self._held or next(self._packets, None)
            self._held = packet
            if packet is None:
                self._ended = True
            elif packet.pts is not None and packet.pts * packet.time_base >= time:
                return
            else:
                self._held = None
                self._film.mux(packet)

    def close(self) -> None:
        """Close the clip."""
        self._clip.close()

    def _copied(self, source) -> Iterator[Any]:
        """The packets of the clip, with times of the film."""
        shift = round(self._begins / source.time_base)
        for packet in self._clip.demux(source):
            if packet.dts is None or (shift and packet.pts < shift):
                continue
            packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, self._stream
            yield packet

    def _encoded(self, source) -> Iterator[Any]:
        """The sound encoded anew."""
        resampler = av.AudioResampler(format="fltp", layout=source.codec_context.layout.name, rate=source.rate)
        shift = None
        for frame in self._clip.decode(source):
            if frame.time is not None and frame.time < self._begins:
                continue
            for part in resampler.resample(frame):
                shift = part.pts if shift is None else shift
                part.pts -= shift
                yield from self._stream.encode(part)
        yield from self._stream.encode(None)
