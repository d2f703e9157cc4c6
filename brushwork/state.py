"""The state of a run: what it resumes from after a step, in memory and in a file.

A state file is an .npz file of NumPy without compression and without pickled objects. Reading it runs no code and takes
no more memory than the file is long.
"""

import json
import math
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, fields
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from brushwork import VERSION, files
from brushwork.errors import StateError
from brushwork.facts import LARGEST
from brushwork.pictures import sizes
from brushwork.schedule import make_schedule
from brushwork.settings import SETTINGS, STARTS, Settings, option

FORMAT = "neural style state 2"
REMOVED = ("instant", "instant_strength")  # settings of earlier versions that never affected an optimisation
INPUTS = {  # what a run needs besides its settings -> its name in error messages
    "network": "the network (see --network)",
    "content": "the content picture",
    "styles": "a style picture",
    "initial": "the initial picture",
    "masks": "a mask",
}
PREFIX = "optimizer."
HEADER = (
    "settings",
    "digests",
    "command",
    "directory",
    "finished",
    "version",
    "written",
    "film",
)  # fields of Saved, as the file names them


class State(NamedTuple):
    """What `stylize` resumes from. A resumed run gives the same images as one that was never interrupted."""

    scale: int  # 0 is the coarsest
    index: int  # iterations done at this scale
    image: np.ndarray  # float32 [H, W, 3], RGB, may exceed 0..255
    kept: np.ndarray  # float32 [H, W, 3]: the result of the run if it ended here
    lowest: float  # the total loss of `kept`
    optimizer: dict[str, np.ndarray]  # Adam's moments or the history of L-BFGS; empty before the first step


@dataclass(frozen=True)
class Saved:
    """The contents of a state file."""

    state: State | None  # None: of a film, whose state is its finished frames
    settings: dict[str, Any]  # as `settings_as_json` returns them
    digests: dict[str, str]  # of the network and the pictures, by the names in INPUTS
    command: list[str]  # the command line
    picture_paths: tuple[str, ...] = ()  # of the content and the styles; (): a state of an early version
    directory: str = ""  # the paths above and those in the command line are relative to it
    finished: bool = False  # whether the run reached its end
    written: Mapping[str, str] = field(default_factory=dict)  # {path: digest} of the other files that it has written
    place: str = ""  # where the file was when it was written; "": unknown, up to version 2.0.0
    version: str | None = VERSION  # of the program that wrote the file; None: not in the file, up to version 2.0.0
    film: Mapping[str, Any] = field(default_factory=dict)  # what a film needs besides, ready for JSON; {}: no film

    def begun_with(self, preset: str) -> dict[str, Any] | None:
        """The settings of the run, by name, if it began with this preset; else None.

        The preset may have other settings in a later version; the run goes on with its own.
        """
        pairs = zip(self.command, [*self.command[1:], ""], strict=True)
        named = [word.partition("=")[2] or after for word, after in pairs if word.partition("=")[0] == "--preset"]
        if preset != (named[-1].lower() if named else "classic"):
            return None
        return {name: value for name, value in self.settings.items() if name not in REMOVED}


def upscale(state: State, size: tuple[int, int], *, moments: bool) -> State:
    """Return the State at the start of the next scale, for pictures of `size`, (height, width) in px.

    moments: whether Adam's moments are resized and kept. The history of L-BFGS is always dropped: it describes the loss
    at the old scale.

    Moments are resized by bilinear interpolation, whose weights are not negative: second moments stay positive. Since
    the square of an average is at most the average of the squares, Adam's steps do not become longer.
    """
    image = sizes.resample(state.kept, *size)
    carried = {
        name: sizes.resample(array, *size, Image.Resampling.BILINEAR) if array.ndim == 3 else array
        for name, array in (state.optimizer if moments else {}).items()
    }
    return State(state.scale + 1, 0, image, image, np.inf, carried)


def write(
    path: str | os.PathLike,
    saved: Saved,
    replacing: Callable[..., AbstractContextManager[BinaryIO]] | None = None,
) -> None:
    """Write a state file, completely or not at all. Raises OSError.

    replacing: opens the file, as files.replacing does, which is the default.
    """
    state = saved.state
    header = {name: getattr(saved, name) for name in HEADER}
    header |= {"format": FORMAT, "picture": saved.picture_paths, "place": os.path.realpath(path)}
    arrays = {}
    if state is not None:
        header |= {"scale": int(state.scale), "index": int(state.index), "lowest": float(state.lowest).hex()}
        arrays |= {"image": state.image} | ({"kept": state.kept} if state.kept is not state.image else {})
        arrays |= {PREFIX + name: array for name, array in state.optimizer.items()}
    with (replacing or files.replacing)(path) as file:
        np.savez(file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)


def read(path: str | os.PathLike) -> Saved:
    """Read a state file. Raises StateError, and nothing else, whatever is in the file."""
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
        _check_format(header)
        kinds = {"settings": dict, "digests": dict, "command": list}
        if not all(isinstance(header[name], kind) for name, kind in kinds.items()):
            raise StateError("damaged")
        _check_settings(header)
        _check_texts(header)
        film = header.get("film") or {}
        state = None if film else _state(header, arrays)
    return Saved(
        state,
        header["settings"],
        header["digests"],
        header["command"],
        picture_paths=tuple(header.get("picture", ())),
        directory=header.get("directory", ""),
        finished=header.get("finished") is True,
        version=header.get("version"),
        written=header.get("written", {}),
        place=header.get("place", ""),
        film=film,
    )


def _state(header, arrays):
    """The State in an open file."""
    if not all(isinstance(header[name], int) and header[name] >= 0 for name in ("scale", "index")):
        raise StateError("damaged")
    image = arrays["image"]
    optimizer = {name.removeprefix(PREFIX): arrays[name] for name in arrays if name.startswith(PREFIX)}
    lowest = float.fromhex(header["lowest"])
    return State(header["scale"], header["index"], image, arrays.get("kept", image), lowest, optimizer)


def _check_texts(header):
    """Raise StateError if something in the header of a state is not the text that it should be."""
    command, paths, written = header["command"], header.get("picture", []), header.get("written", {})
    if not isinstance(paths, list) or not isinstance(written, dict):
        raise StateError("damaged")
    names = header.get("directory", ""), header.get("place", "")
    texts = *command, *paths, *names, *written, *written.values(), *header["digests"].values()
    if not isinstance(header.get("film", {}), dict):
        raise StateError("damaged")
    if not all(isinstance(text, str) and _can_be_a_name(text) for text in texts):
        raise StateError("damaged")
    if {"--help", "-h", "--fetch", "--version"} & set(command):
        raise StateError("damaged")


def _can_be_a_name(text):
    """Whether the system can take a text for the name of a file."""
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False


def _check_format(header):
    """Raise StateError, which names the version that wrote the file, if this version cannot read its format."""
    if header["format"] != FORMAT:
        raise StateError(f"it was written by {_writer(header)}; resume it with that version, or start the run again")


def _check_settings(header):
    """Raise StateError, which names the version that wrote the file, if it has settings of another version."""
    known = {*(field.name for field in fields(Settings)), *REMOVED}
    if unknown := sorted(map(ascii, header["settings"].keys() - known)):
        raise StateError(f"it was written by {_writer(header)}; {VERSION} has no setting {', '.join(unknown)}")


def _writer(header):
    """Return the program and the version that wrote a state file, for a sentence."""
    version = header.get("version")
    known = isinstance(version, str) and re.fullmatch(r"[0-9A-Za-z.+-]{1,30}", version)
    return f"neural_style {version}" if known else "another version of neural_style"


def is_state(path: str | os.PathLike) -> bool:
    """Return whether a file is a state file that can be read."""
    try:
        return bool(read(path))
    except StateError:
        return False


def settings_as_json(settings: Settings) -> dict[str, Any]:
    """Return the settings, by name, as they are after a round trip through JSON: tuples become lists."""
    return json.loads(json.dumps(asdict(settings)))


def differences(saved: Saved, settings: Settings, digests: dict[str, str]) -> tuple[list[str], list[str]]:
    """List the reasons why a run cannot resume from a Saved: sentences about flags, sentences about inputs.

    settings, digests: those of the run. A setting that the state lacks, because an earlier version wrote it, counts as
    having its default.
    """
    now = settings_as_json(settings)
    before = settings_as_json(Settings()) | saved.settings
    if isinstance(before["style_loss"], str):  # as version 2.0.0 wrote it
        before["style_loss"] = [before["style_loss"]]
    changed = {name: before[name] for name in now if not SETTINGS[name].resumable}
    changed = {name: then for name, then in changed.items() if then != now[name]}
    if not {changed.get("initial"), now["initial"]} & {None, *STARTS}:  # two paths; the digests compare the pictures
        del changed["initial"]
    flags = [f"{option(name)} was {_shown(then)} and is now {_shown(now[name])}" for name, then in changed.items()]
    inputs = [f"{text} has changed" for name, text in INPUTS.items() if saved.digests.get(name) != digests[name]]
    return flags, inputs


def _shown(value):
    if value in (None, []):
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else value


def fits(state: State, settings: Settings, height: int, width: int) -> bool:
    """Return whether the arrays of a State have the shapes and types of a run with these settings.

    height, width: of the content, px.
    """
    scales = make_schedule(settings, height, width).sizes
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
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    return shapes == expected and _is_possible(state)


def _is_possible(state):
    """Whether the numbers in a State whose arrays have the right shapes are such as a run writes."""
    optimizer, images = state.optimizer, (state.image, state.kept)
    possible = [state.index <= LARGEST, state.lowest > -math.inf]  # NaN fails every comparison
    possible += [np.abs(image).max() < LARGEST for image in images]
    possible += [np.isfinite(array).all() for array in optimizer.values()]
    if "products" in optimizer:
        rows = optimizer["order"]
        possible += [(each[rows, rows] > 0).all() for each in optimizer["products"]]
    if "second_moment" in optimizer:
        possible += [(optimizer["second_moment"] >= 0).all()]
        possible += [0 <= optimizer[name] < 1 for name in ("beta1_power", "beta2_power")]
    return all(possible)
