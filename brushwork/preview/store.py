"""Which network makes the instant picture: the included one, `hub` from TF-Hub, or a SavedModel in a directory."""

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
from brushwork.preview import weights

NAMES = ("lite", "hub")
NAME = "arbitrary-image-stylization-v1-256"
# Its publisher gives no digest; what arrives is unpacked with care and has to have the right signature.
HUB = store.Source(f"https://storage.googleapis.com/tfhub-modules/google/magenta/{NAME}", "2.tar.gz", 90, None)
LARGEST = 1 << 30  # bytes that an archive may hold


@dataclass(frozen=True)
class SavedModel:
    """A directory with a network in TensorFlow's format."""

    directory: str

    @functools.cached_property
    def digest(self):
        """Of the names and the bytes of its files."""
        result, top = hashlib.blake2b(digest_size=16), Path(self.directory)
        for path in sorted(top.rglob("*")):
            if path.is_file() and path.relative_to(top).parts[0] in ("saved_model.pb", "variables"):
                result.update(path.relative_to(top).as_posix().encode() + b"\0")
                with open(path, "rb") as file:
                    while part := file.read(1 << 20):
                        result.update(part)
        return result.hexdigest()


def resolve(name_or_directory):
    """The weights.Network or the SavedModel to use; None: the included one. `hub` is downloaded if it is not there.

    Raises NetworkError.
    """
    if name_or_directory in (None, "lite"):
        return weights.load()
    directory = fetch() if name_or_directory == "hub" else name_or_directory
    if not os.path.exists(directory):
        raise NetworkError(f"no network {directory}: it is neither a directory nor one of {' and '.join(NAMES)}")
    if not os.path.isfile(os.path.join(directory, "saved_model.pb")):
        is_what = "a directory without saved_model.pb" if os.path.isdir(directory) else "not a directory"
        raise NetworkError(f"cannot use the network {directory}: it is {is_what}; give the directory of a SavedModel")
    return SavedModel(directory)


def would_download(name_or_directory):
    """Whether `resolve` would have to download a network."""
    return name_or_directory == "hub" and not os.path.isdir(os.path.join(store.cache_directory(), NAME))


def fetch():
    """The directory of TF-Hub's network in the cache, downloaded if it is not there. Raises NetworkError."""
    directory = os.path.join(store.cache_directory(), NAME)
    if os.path.isdir(directory):
        return directory
    try:
        archive = store.download(HUB, "hub")
        try:
            unpack(archive, directory)
        finally:
            os.remove(archive)  # a broken one is not to be found again
        return directory
    except NetworkError as error:
        remedy = f"download {HUB.directory}/{HUB.name} by hand, unpack it and use --instant-network DIRECTORY"
        raise NetworkError(f"cannot download hub: {error}; {remedy}") from error
    except OSError as error:
        raise NetworkError(f"cannot download hub: {store.cache_directory()}: {error.strerror or error}") from error


def unpack(archive, directory):
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
    """Write the regular files of an open archive below a directory; anything else in it is left out."""
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
