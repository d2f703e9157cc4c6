"""Clips: uploaded videos. FFmpeg reads them first in a child process, which can crash, and can open no other file."""

import os
from typing import NamedTuple

import numpy as np

from brushwork.errors import NetworkError, PictureError
from brushwork.network import isolated
from brushwork.pictures import unsupported
from brushwork.video import extra, names

MOST_BYTES = 500e6  # of a clip
MOST_FRAMES = 100_000
PROBE = "brushwork.video.probe"  # it imports PyAV


class Clip(NamedTuple):
    """What is known of a clip before it is painted."""

    frame: np.ndarray  # the first one, small: float32 [H, W, 3], RGB, 0..255
    width: int  # of the clip, px
    height: int
    frames: int
    seconds: float
    extension: str


def is_clip(path: str | os.PathLike, name: str) -> bool:
    """Whether a file is a video, or is taken for one by its name."""
    with open(path, "rb") as file:
        return unsupported.is_video(file.read(unsupported.HEAD)) or is_named_as_clip(name)


def is_named_as_clip(name: str) -> bool:
    """Whether the extension of a name is that of a video."""
    return os.path.splitext(name)[1].lower() in unsupported.VIDEOS


def read(path: str | os.PathLike, name: str) -> Clip:
    """Read the facts and the first frame of a clip. Raises PictureError, with its name."""
    extra.check("av", "cv2")
    try:
        with open(path, "rb") as file:
            found = isolated.read(file, PROBE)
        frame, (width, height, frames, declared, seconds, kind) = found["frame"], found["facts"].tolist()
    except NetworkError as error:
        raise PictureError(f"cannot read {name}: {str(error).removeprefix(f'cannot read {names.READ_AS}: ')}") from None
    if frames > MOST_FRAMES:
        raise PictureError(f"{name} has {frames:.0f} frames; at most {MOST_FRAMES} are possible")
    if declared > frames:
        held = f"it holds {frames:.0f} of its {declared:.0f} frames"
        raise PictureError(f"{name} is truncated: {held}; copy it here as a whole")
    extension = list(names.PROBED.values())[int(kind)]
    return Clip(frame, int(width), int(height), int(frames), seconds, extension)
