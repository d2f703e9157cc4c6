"""The examples: the pictures that come with the program, and who made them."""

import json
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import brushwork

CREDITS = "credits.json"  # {path in the folder: {"name", "role", and the fields of a credit}}


class Example(NamedTuple):
    """A picture that comes with the program."""

    path: Path
    name: str  # for people to read
    roles: tuple[str, ...]  # "content" or "style"
    credit: dict[str, str]  # title, artist, year, where, source, licence
    is_masterpiece: bool = False  # a painting that hangs in a museum


def examples() -> list[Example]:
    """The examples in a clone or in an installation, in the order of their list. Those without a file are left out."""
    found, folder = [], _folder()
    with suppress(OSError, ValueError):
        for path, about in json.loads((folder / CREDITS).read_text(encoding="utf-8")).items():
            if (folder / path).is_file():
                found.append(_example(folder / path, about))
    return found


def _example(path: Path, about: dict[str, Any]) -> Example:
    credit = {name: about.get(name, "") for name in ("title", "artist", "year", "where", "source", "licence")}
    return Example(path, about["title"], (about["role"],), credit, path.parent.name == "masterpieces")


def _folder():
    beside = Path(brushwork.__file__).resolve().parents[1] / "examples"
    return beside if beside.is_dir() else Path(sysconfig.get_path("data")) / "share" / "neural-style" / "examples"
