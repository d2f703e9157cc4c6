"""The state of a run: where it stands after a step, in memory and in a file.

The file is NumPy's .npz without compression and without pickle: to read one runs no code, and takes no more memory
than the file is long.
"""

import hashlib
import json
import os
import zipfile
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

import files
from settings import option

FORMAT = "neural style state 1"
FREE = ("iterations", "scale_iterations", "tile_size", "on_nan")  # settings that may change when a run goes on
INPUTS = {
    "network": "the network",
    "content": "the content picture",
    "styles": "a style picture",
    "initial": "the picture of the start",
    "masks": "a mask",
}
PREFIX = "optimizer."


class State(NamedTuple):
    """Where a run stands after a step: `stylize` goes on from it as if it had never ended."""

    scale: int
    index: int  # iterations made at this scale
    image: np.ndarray
    kept: np.ndarray  # what the run would give if it ended here
    lowest: float  # the total of `kept`
    retries: int  # how often the loss was not finite
    optimizer: dict[str, np.ndarray]  # what the optimiser remembers; empty before its first step


class StateError(Exception):
    """A state that cannot be read or gone on from; its text is one sentence for the user."""


@dataclass(frozen=True)
class Saved:
    """What is in a state file."""

    state: State
    settings: dict  # as JSON has them
    digests: dict[str, str]  # of the network and the pictures
    command: list[str]  # the command line


def write(path, saved):
    """Write a Saved; the file is there whole or not at all. OSError."""
    state = saved.state
    header = {name: getattr(saved, name) for name in ("settings", "digests", "command")}
    header |= {"format": FORMAT, "lowest": float(state.lowest).hex()}
    header |= {name: int(getattr(state, name)) for name in ("scale", "index", "retries")}
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), "image": state.image}
    if state.kept is not state.image:
        arrays["kept"] = state.kept
    arrays |= {PREFIX + name: array for name, array in state.optimizer.items()}
    with files.replacing(path) as file:
        np.savez(file, **arrays)


def read(path):
    """The Saved in a file. StateError."""
    try:
        with files.open_regular(path) as file:
            return _read(file)
    except StateError as error:
        raise StateError(f"cannot resume {path}: {error}") from None
    except OSError as error:
        raise StateError(f"cannot resume {path}: {error.strerror or 'damaged'}") from None
    except Exception as error:  # zipfile and numpy raise every type there is when a file is mangled
        raise StateError(f"cannot resume {path}: not a state file, or a damaged one") from error


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
            raise StateError("of another version of this program")
        image = arrays["image"]
        kept = arrays.get("kept", image)
        optimizer = {name.removeprefix(PREFIX): arrays[name] for name in arrays if name.startswith(PREFIX)}
    numbers = [header[name] for name in ("scale", "index", "retries")]
    lowest = float.fromhex(header["lowest"])
    settings, digests, command = header["settings"], header["digests"], header["command"]
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise StateError("damaged")
    if not all(isinstance(value, kind) for value, kind in ((settings, dict), (digests, dict), (command, list))):
        raise StateError("damaged")
    if not all(isinstance(argument, str) for argument in command) or {"--help", "-h", "--fetch"} & set(command):
        raise StateError("damaged")
    state = State(*numbers[:2], image, kept, lowest, numbers[2], optimizer)
    return Saved(state, settings, digests, command)


def is_state(path):
    """Whether a file is a state that can be read."""
    try:
        return bool(read(path))
    except StateError:
        return False


def plain(settings):
    """Settings as JSON gives them back."""
    return json.loads(json.dumps(asdict(settings)))


def digest(*arrays):
    """A text that is another one for other arrays."""
    result = hashlib.blake2b(digest_size=16)
    for array in arrays:
        result.update(f"{array.dtype}{array.shape}".encode())
        result.update(np.ascontiguousarray(array).data)
    return result.hexdigest()


def differences(saved, settings, digests):
    """(what of the settings, what of the inputs) stands in the way of going on with a Saved: lists of sentences."""
    now = plain(settings)
    changed = [name for name in now if name not in FREE and saved.settings.get(name) != now[name]]
    flags = [f"{option(name)} was {_shown(saved.settings.get(name))}, and is {_shown(now[name])}" for name in changed]
    inputs = [f"{text} is another one" for name, text in INPUTS.items() if saved.digests.get(name) != digests[name]]
    return flags, inputs


def _shown(value):
    if value in (None, []):
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else value


def fits(state, settings, height, width):
    """Whether a State is one of a run with these settings on a content of that size."""
    sizes = settings.sizes(height, width)
    if state.scale >= len(sizes):
        return False
    shape = (*sizes[state.scale], 3)
    pictures = [state.image, state.kept]
    memory = {name: (array.shape, array.dtype) for name, array in state.optimizer.items()}
    if memory and settings.optimizer == "adam":
        scalars = dict.fromkeys(("beta1_power", "beta2_power"), ((), np.dtype(np.float32)))
        moments = dict.fromkeys(("first_moment", "second_moment"), (shape, np.dtype(np.float32)))
        if memory != scalars | moments:
            return False
    elif memory and not _pairs_fit(state.optimizer, settings, int(np.prod(shape))):
        return False
    return all(picture.shape == shape and picture.dtype == np.float32 for picture in pictures)


def _pairs_fit(memory, settings, pixels):
    if set(memory) != {"pairs", "products", "order"}:
        return False
    pairs, products, order = (memory[name] for name in ("pairs", "products", "order"))
    used = pairs.shape[1] if pairs.ndim == 3 else -1
    rows = order.tolist()
    return (
        pairs.shape == (2, used, pixels)
        and used <= settings.lbfgs_memory
        and products.shape == (2, used, used)
        and (pairs.dtype, products.dtype, order.dtype) == (np.float32, np.float64, np.int64)
        and order.ndim == 1
        and len(set(rows)) == len(rows)
        and (not rows or min(rows) >= 0)
        and max(rows, default=-1) + 1 == used
    )
