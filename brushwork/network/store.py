"""Finds the network file that a run uses, and downloads the full network.

Two networks have names: `pocket`, the included one in this directory, and `vgg19`, the full one. vgg19 is stored in the
cache of Keras, in KERAS_HOME or ~/.keras: each program finds what the other has downloaded.
"""

import os
import sys
from contextlib import suppress
from typing import NamedTuple

from brushwork.errors import NetworkError
from brushwork.messages import logger

CLASSIC_FILE = "imagenet-vgg-verydeep-19.mat"
POCKET_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pocket-vgg19.mat")
TIMEOUT = 30  # seconds, to connect and to wait for more data
RETRIES = 2  # of each source

_trusted = {POCKET_FILE}  # paths of the included network, and of files whose digest was found to be a published one


class Source(NamedTuple):
    """A published file of weights."""

    directory: str  # its URL is directory/name
    name: str
    megabytes: int
    digest: str | None  # "ALGORITHM:HEXADECIMAL"; None: not checked


KERAS = "https://storage.googleapis.com/tensorflow/keras-applications/vgg19"
MATCONVNET = "https://www.vlfeat.org/matconvnet/models"
SOURCES = (
    Source(KERAS, "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5", 80, "md5:253f8cb515780f3b799900260a226db6"),
    Source(MATCONVNET, CLASSIC_FILE, 535, "sha256:abdb57167f82a2a1fbab1e1c16ad9373411883f262a1a37ee5db2e6fb0044695"),
)


def default(directory: str = ".") -> tuple[str, str]:
    """Choose the network of a run without --network. Returns (name or path for `resolve`, a sentence that names it).

    The first of: the network in NEURAL_STYLE_NETWORK; the file of the classic program in `directory`; vgg19 if it is in
    the cache; pocket.
    """
    if name_or_path := os.environ.get("NEURAL_STYLE_NETWORK"):
        return name_or_path, f"using the network {name_or_path}, from NEURAL_STYLE_NETWORK"
    path = os.path.normpath(os.path.join(directory, CLASSIC_FILE))
    if os.path.isfile(path):
        return path, f"using the network {path}"
    if path := cached():
        return path, f"using the network vgg19, {path}"
    return "pocket", "using the included network, pocket; --network vgg19 downloads the full one (80 MB, once)"


def resolve(name_or_path: str) -> str:
    """Return the path of a network, downloaded if necessary.

    name_or_path: "pocket" and "vgg19" are always names; give a file of that name as ./vgg19.
    Raises NetworkError if there is no such network or it cannot be downloaded.
    """
    if name_or_path == "pocket":
        return POCKET_FILE
    if name_or_path == "vgg19":
        return fetch()
    is_name = name_or_path == os.path.basename(name_or_path) and "." not in name_or_path
    if is_name and not os.path.exists(name_or_path):
        raise NetworkError(f"no network '{name_or_path}': it is neither a file nor one of pocket and vgg19")
    return name_or_path


def would_download(name_or_path: str) -> bool:
    """Return whether `resolve` would download a file."""
    return name_or_path == "vgg19" and not cached()


def cache_directory() -> str:
    """Return the directory of weights of Keras. Its fallback in /tmp is not used: anybody can write there."""
    return os.path.join(os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras"), "models")


def cached() -> str | None:
    """Return the path of vgg19 in the cache, or None if no file has a published digest."""
    for source in SOURCES:
        path = os.path.join(cache_directory(), source.name)
        if os.path.isfile(path):
            import pooch

            with suppress(OSError):
                if source.digest.endswith(":" + pooch.file_hash(path, source.digest.partition(":")[0])):
                    _trusted.add(path)
                    return path
    return None


def is_trusted(path: str) -> bool:
    """Return whether a path, as `resolve` or `default` gives it, is of a network with a known digest."""
    return path in _trusted


def fetch() -> str:
    """Return the path of vgg19 in the cache. Downloads it from the first source that works if it is not there.

    Raises NetworkError, which names both sources with their digests.
    """
    if path := cached():
        return path
    failures = []
    for source in SOURCES:
        try:
            return download(source, "vgg19")
        except NetworkError as error:
            failures.append(str(error))
        except OSError as error:  # an error of the disk, on which the second, larger file would not fit either
            failures.append(f"cannot write to {cache_directory()} ({error.strerror or 'permission denied'})")
            break
    places = " or ".join(f"{s.directory}/{s.name} ({s.digest})" for s in SOURCES)
    remedy = f"download it by hand from {places} and use --network FILE"
    raise NetworkError(f"cannot download vgg19: {'; '.join(failures)}; {remedy}")


def download(source: Source, what: str) -> str:
    """Return the path of a Source's file in the cache. Downloads it if it is not there.

    what: its name in the message. NEURAL_STYLE_MIRROR, the URL of a directory, replaces the URLs of all sources, but
    not their digests. Raises NetworkError with the URL and the reason; OSError for an error of the disk.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 16, timeout=TIMEOUT)
    address = os.environ.get("NEURAL_STYLE_MIRROR") or source.directory
    logger.info(f"downloading {what} ({source.megabytes} MB) from {address}")
    registry, base = {source.name: source.digest}, address.rstrip("/") + "/"
    cache = pooch.create(path=cache_directory(), base_url=base, registry=registry, retry_if_failed=RETRIES)
    try:
        path = cache.fetch(source.name, downloader=downloader)
    except requests.RequestException as error:
        raise NetworkError(f"{address}: {_reason(error)}") from error
    except ValueError as error:
        raise NetworkError(f"{address}: the file is not the published one, {source.digest}") from error
    if source.digest:
        _trusted.add(path)
    return path


def _reason(error):
    """Return the reason why a request failed, in a few words."""
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError):
        return f"status {error.response.status_code}"
    if isinstance(error, exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if "timed out" in str(error):
        return "timed out"
    return f"cannot connect ({type(error).__name__})" if isinstance(error, exceptions.ConnectionError) else str(error)
