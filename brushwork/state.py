"""The state of a run: what it goes on from after a step, in memory and in a file.

The file is NumPy's .npz, neither compressed nor pickled. So reading one runs no code, and takes no more memory than the
file is long.
"""

import json
import math
import os
import zipfile
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from brushwork import files
from brushwork.errors import StateError
from brushwork.pictures import sizes
from brushwork.settings import STARTS, option

FORMAT = "neural style state 2"
FREE = ("iterations", "scale_iterations", "tile_size")  # settings that may change when a run is resumed
INPUTS = {  # of a run besides its settings, as error messages name them
    "network": "the network (see --network)",
    "content": "the content picture",
    "styles": "a style picture",
    "initial": "the initial picture",
    "masks": "a mask",
}
PREFIX = "optimizer."
HEADER = "settings", "digests", "command", "picture", "directory", "finished"  # fields of Saved


class State(NamedTuple):
    """What `stylize` goes on from, as if the run had never ended."""

    scale: int
    index: int  # iterations made at this scale
    image: np.ndarray
    kept: np.ndarray  # what the run would give if it ended here
    lowest: float  # the total loss of `kept`
    optimizer: dict[str, np.ndarray]  # Adam's moments or L-BFGS's history; empty before the first step


@dataclass(frozen=True)
class Saved:
    """What a state file holds."""

    state: State
    settings: dict  # as JSON gives them back
    digests: dict[str, str]  # of the network and the pictures, by the names in INPUTS
    command: list[str]  # the command line
    picture: tuple[str, ...] = ()  # the paths of its content and its styles
    directory: str = ""  # where these paths, and those of the command line, begin
    finished: bool = False  # whether the run reached its end


def upscale(state, size, *, moments):
    """The State at the beginning of the next scale, for pictures of `size` (height, width).

    moments: whether Adam's moments are carried along. The history of L-BFGS describes the loss at another scale.

    Moments are resized by bilinear windows, which have no negative weights. So mean squares stay positive and, as the
    square of an average is at most the average of the squares, Adam's steps become no longer.
    """
    image = sizes.resample(state.kept, *size)
    carried = {
        name: sizes.resample(array, *size, Image.Resampling.BILINEAR) if array.ndim == 3 else array
        for name, array in (state.optimizer if moments else {}).items()
    }
    return State(state.scale + 1, 0, image, image, np.inf, carried)


def write(path, saved):
    """Write a Saved to a file, completely or not at all. Raises OSError."""
    state = saved.state
    header = {name: getattr(saved, name) for name in HEADER}
    header |= {"format": FORMAT, "lowest": float(state.lowest).hex()}
    header |= {name: int(getattr(state, name)) for name in ("scale", "index")}
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), "image": state.image}
    if state.kept is not state.image:
        arrays["kept"] = state.kept
    arrays |= {PREFIX + name: array for name, array in state.optimizer.items()}
    with files.replacing(path) as file:
        np.savez(file, **arrays)


def read(path):
    """The Saved in a file. Raises StateError."""
    try:
        with files.open_regular(path) as file:
            return _read(file)
    except StateError as error:
        raise StateError(f"cannot resume {path}: {error}") from None
    except OSError as error:
        raise StateError(f"cannot resume {path}: {error.strerror or 'damaged'}") from None
    except Exception as error:  # zipfile and NumPy raise any type of exception for a mangled file
        beside = os.path.splitext(path)[0] + ".state"
        hint = f"; the state is in {beside}" if beside != path and os.path.isfile(beside) else ""
        raise StateError(f"cannot resume {path}: not a state file, or damaged{hint}") from error


def _read(file):
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        length = file.seek(0, os.SEEK_END)
        if any(member.compress_type for member in members) or sum(member.file_size for member in members) > length:
            raise StateError("not a state file")
    file.seek(0)
    with np.load(file, allow_pickle=False) as arrays:
        header = json.loads(arrays["header"].tobytes())
        if header["format"] != FORMAT:
            raise StateError("it was written by another version of this program")
        image = arrays["image"]
        kept = arrays.get("kept", image)
        optimizer = {name.removeprefix(PREFIX): arrays[name] for name in arrays if name.startswith(PREFIX)}
    kinds = {"scale": int, "index": int, "settings": dict, "digests": dict, "command": list}
    right = all(isinstance(header[name], kind) for name, kind in kinds.items())
    if not right or min(header["scale"], header["index"]) < 0:
        raise StateError("damaged")
    command, picture, directory = header["command"], header.get("picture", []), header.get("directory", "")
    texts = isinstance(picture, list) and all(isinstance(text, str) for text in (*command, *picture, directory))
    if not texts or {"--help", "-h", "--fetch", "--version"} & set(command):
        raise StateError("damaged")
    state = State(header["scale"], header["index"], image, kept, float.fromhex(header["lowest"]), optimizer)
    about = {"picture": tuple(picture), "directory": directory, "finished": header.get("finished") is True}
    return Saved(state, header["settings"], header["digests"], command, **about)


def is_state(path):
    """Whether a file holds a state that can be read."""
    try:
        return bool(read(path))
    except StateError:
        return False


def settings_as_json(settings):
    """Settings as they come back from JSON."""
    return json.loads(json.dumps(asdict(settings)))


def differences(saved, settings, digests):
    """What keeps a run from going on from a Saved: (sentences about flags, sentences about inputs)."""
    now = settings_as_json(settings)
    changed = {name: saved.settings.get(name) for name in now if name not in FREE}
    changed = {name: before for name, before in changed.items() if before != now[name]}
    if not {changed.get("initial"), now["initial"]} & {None, *STARTS}:  # two paths; the digests tell the pictures apart
        del changed["initial"]
    flags = [f"{option(name)} was {_shown(then)} and is now {_shown(now[name])}" for name, then in changed.items()]
    inputs = [f"{text} has changed" for name, text in INPUTS.items() if saved.digests.get(name) != digests[name]]
    return flags, inputs


def _shown(value):
    if value in (None, []):
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else value


def fits(state, settings, height, width):
    """Whether a State can be one of a run with these settings on a content of this size."""
    scales = settings.sizes(height, width)
    if state.scale >= len(scales):
        return False
    shape, single = (*scales[state.scale], 3), np.dtype(np.float32)
    expected = dict.fromkeys(("image", "kept"), (shape, single))
    if state.optimizer and settings.optimizer == "adam":
        expected |= dict.fromkeys(("first_moment", "second_moment"), (shape, single))
        expected |= dict.fromkeys(("beta1_power", "beta2_power"), ((), single))
    elif state.optimizer:
        order = state.optimizer.get("order", np.zeros(0, np.int64)).ravel().tolist()
        rows = max(order, default=-1) + 1
        if len(set(order)) < len(order) or min(order, default=0) < 0 or rows > settings.lbfgs_memory:
            return False
        expected["pairs"] = (2, rows, math.prod(shape)), single
        expected["products"] = (2, rows, rows), np.dtype(np.float64)
        expected["order"] = (len(order),), np.dtype(np.int64)
    arrays = {"image": state.image, "kept": state.kept} | state.optimizer
    return {name: (array.shape, array.dtype) for name, array in arrays.items()} == expected
