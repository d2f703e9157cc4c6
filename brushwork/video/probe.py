"""A probe of a stranger's video: its size, length and first frame, as arrays.

FFmpeg may crash on crafted files, or follow the names of other files in them. So `network.isolated` calls `read_arrays`
in a child process, which can open nothing but this file.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import av
import numpy as np

from brushwork.errors import PictureError
from brushwork.pictures import sizes
from brushwork.video.containers import Video
from brushwork.video.names import PROBED, READ_AS

SIDE = 1024  # px: the longer side of the frame, at most


def read_arrays(file: BinaryIO) -> dict[str, np.ndarray]:
    """The first frame, and the facts: width, height, frames, those that the file declares, seconds, index in PROBED.

    Raises PictureError.
    """
    clip = _Received(file)
    starts, last, base, _ = clip.timing
    seconds = float((starts[-1] + last - starts[0]) * base)
    frame = next(clip.frames(_small, range(1)))
    facts = [clip.size[1], clip.size[0], len(starts), clip.declared, seconds, clip.kind]
    return {"frame": frame, "facts": np.array(facts, np.float32)}


def _small(height, width):
    return sizes.scale_size((height, width), min(1, SIDE / max(height, width)))


class _Received(Video):
    """A clip in an open file."""

    threads = "NONE"  # the child may start none

    def __init__(self, file: BinaryIO):
        self._file, self.kind = file, None
        super().__init__(READ_AS)

    def _open(self) -> Any:
        self._file.seek(0)
        container = av.open(_Reader(self._file))
        if container.format.name not in PROBED:
            raise PictureError(f"cannot read {READ_AS}: a video of the kind {container.format.name} is not taken")
        self.kind = list(PROBED).index(container.format.name)
        for stream in container.streams.video:
            stream.codec_context.thread_count = 1
        return container


class _Reader:
    """An open file that FFmpeg does not close."""

    def __init__(self, file):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def example() -> BinaryIO:
    """A clip of two frames that are made smaller, which imports more."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height = 2 * SIDE, 16
        stream.pix_fmt = "yuv420p"
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame(2 * SIDE, 16, "yuv420p")))
        container.mux(stream.encode())
    file.seek(0)
    return file
