"""Finds the network for previews: the included one, `hub` from TF-Hub, or a SavedModel in a directory."""

import functools
import hashlib
import os
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from brushwork.errors import NetworkError
from brushwork.network import store
from brushwork.preview.weights import PreviewWeights, load

NAMES = ("lite", "hub")
NAME = "arbitrary-image-stylization-v1-256"
# Its publisher gives no digest, so the archive is unpacked with care and its signature is checked.
HUB = store.Source(f"https://storage.googleapis.com/tfhub-modules/google/magenta/{NAME}", "2.tar.gz", 90, None)
LARGEST = 1 << 30  # bytes: the limit for the files in an archive


@dataclass(frozen=True)
class SavedModel:
    """A directory with a network in the SavedModel format of TensorFlow."""

    directory: str

    @functools.cached_property
    def digest(self) -> str:
        """A digest of the names and contents of its files."""
        result, top = hashlib.blake2b(digest_size=16), Path(self.directory)
        for path in sorted(top.rglob("*")):
            if path.is_file() and path.relative_to(top).parts[0] in ("saved_model.pb", "variables"):
                result.update(path.relative_to(top).as_posix().encode() + b"\0")
                with open(path, "rb") as file:
                    while part := file.read(1 << 20):
                        result.update(part)
        return result.hexdigest()


def resolve(name_or_directory: str | None) -> PreviewWeights | SavedModel:
    """Find a network; None is the included one. `hub` is downloaded if it is not in the cache. Raises NetworkError."""
    if name_or_directory in (None, "lite"):
        return load()
    directory = fetch() if name_or_directory == "hub" else name_or_directory
    if not os.path.exists(directory):
        raise NetworkError(f"no network {directory}: it is neither a directory nor one of {' and '.join(NAMES)}")
    if not os.path.isfile(os.path.join(directory, "saved_model.pb")):
        is_what = "a directory without saved_model.pb" if os.path.isdir(directory) else "not a directory"
        raise NetworkError(f"cannot use the network {directory}: it is {is_what}; give the directory of a SavedModel")
    if special := next((path for path in Path(directory).rglob("*") if not (path.is_file() or path.is_dir())), None):
        raise NetworkError(f"cannot use the network {directory}: {special.name} is not a regular file")
    return SavedModel(directory)


def would_download(name_or_directory: str | None) -> bool:
    """Whether `resolve` would download a network."""
    return name_or_directory == "hub" and not os.path.isdir(os.path.join(store.cache_directory(), NAME))


def fetch() -> str:
    """The directory of TF-Hub's network in the cache; it is downloaded if needed. Raises NetworkError."""
    directory = os.path.join(store.cache_directory(), NAME)
    if os.path.isdir(directory):
        return directory
    try:
        archive = store.download(HUB, "hub")
        try:
            unpack(archive, directory)
        finally:
            os.remove(archive)  # a damaged one must not be used again
        return directory
    except NetworkError as error:
        remedy = f"download {HUB.directory}/{HUB.name} by hand, unpack it and use --instant-network DIRECTORY"
        raise NetworkError(f"cannot download hub: {error}; {remedy}") from error
    except OSError as error:
        raise NetworkError(f"cannot download hub: {store.cache_directory()}: {error.strerror or error}") from error


def unpack(archive: str, directory: str) -> None:
    """Unpack the files of a .tar.gz into a directory, completely or not at all. Raises NetworkError and OSError."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(directory)) as temporary:
        unfinished = os.path.join(temporary, "model")
        try:
            with tarfile.open(archive, "r:gz") as tar:
                _extract(tar, Path(unfinished))
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise NetworkError(f"{HUB.name} is not the archive of a network") from error
        if not os.path.isfile(os.path.join(unfinished, "saved_model.pb")):
            raise NetworkError(f"{HUB.name} holds no saved_model.pb")
        os.replace(unfinished, directory)


def _extract(tar, top):
    """Write the regular files of an open archive below a directory; other members are skipped."""
    left = LARGEST
    for member in tar:
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if not member.isfile():
            continue
        left -= member.size
        if ".." in parts or left < 0 or any(os.sep in part or ":" in part for part in parts):
            raise ValueError("a path that leads out of the directory, or too much data")
        target = top.joinpath(*parts)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tar.extractfile(member) as source, open(target, "xb") as file:
            shutil.copyfileobj(source, file)
