"""The store of networks: a path or a name -> the file of a network and its weights, fetched on first use and kept.

Names: `pocket`, the small network that comes with this program, and `vgg19`, the full one. Whatever is kept lies in
Keras' own cache, KERAS_HOME or ~/.keras: a file that Keras has fetched serves here, and one fetched here serves Keras.
"""

import hashlib
import http.client
import os
import sys
import urllib.error
import urllib.request
import uuid
from contextlib import contextmanager, suppress
from typing import NamedTuple

import files
import weights
from layers import CONVOLUTIONS

CLASSIC_FILE = "imagenet-vgg-verydeep-19.mat"
POCKET_FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "networks", "pocket-vgg19.mat")
TIMEOUT = 30  # seconds, of connecting and of every read
BYTES_AT_ONCE = 1 << 20
MAX_BYTES = 10**9  # of a file whose size is not known
COPY_ABOVE = 100_000_000  # bytes: larger MATLAB files are mostly fully connected layers, which nothing here needs


class Source(NamedTuple):
    """A file of VGG-19 and where it is published."""

    directory: str
    name: str
    size: int | None  # bytes, where known
    algorithm: str
    digest: str


SOURCES = (
    Source(
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19",
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5",
        80_134_624,
        "md5",
        "253f8cb515780f3b799900260a226db6",
    ),
    Source(
        "https://www.vlfeat.org/matconvnet/models",
        CLASSIC_FILE,
        None,  # some 535 MB
        "sha256",
        "abdb57167f82a2a1fbab1e1c16ad9373411883f262a1a37ee5db2e6fb0044695",
    ),
)


def resolve(name_or_path=None, *, say, directory="."):
    """The path of the network to use; raises weights.NetworkError where it cannot be had.

    name_or_path: what the user asked for. A name is always the name; a file called so is written ./vgg19.
    Without it: NEURAL_STYLE_NETWORK, a name or a path; else the classic program's file in `directory`; else a fetched
    vgg19; else pocket. Then, and only then, one sentence to `say` tells which it is.
    """
    if name_or_path is not None:
        return _named(name_or_path, say)
    if wish := os.environ.get("NEURAL_STYLE_NETWORK"):
        say(f"the network is {wish}, as NEURAL_STYLE_NETWORK says")
        return _named(wish, say)
    path = os.path.normpath(os.path.join(directory, CLASSIC_FILE))
    if os.path.isfile(path):
        say(f"the network is {path}")
        return path
    if path := cached():
        say(f"the network is vgg19, {path}")
        return path
    say("the network is pocket, a small one; --network vgg19 fetches the full one, 80 MB, once")
    return POCKET_FILE


def _named(name_or_path, say):
    if name_or_path == "pocket":
        return POCKET_FILE
    if name_or_path == "vgg19":
        return fetch(say)
    looks_like_a_name = name_or_path == os.path.basename(name_or_path) and "." not in name_or_path
    if looks_like_a_name and not os.path.exists(name_or_path):
        raise weights.NetworkError(f"there is no network '{name_or_path}': neither a file nor one of pocket and vgg19")
    return name_or_path


def would_fetch(name_or_path=None):
    """Whether `resolve` would have to fetch a file."""
    return (name_or_path or os.environ.get("NEURAL_STYLE_NETWORK")) == "vgg19" and not cached()


def cache_directory():
    """Where Keras keeps the weights it fetches. Its resort to /tmp is left out: anybody may put files there."""
    return os.path.join(os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras"), "models")


def cached():
    """The path of a VGG-19 in the cache, its digest checked, or None."""
    for source in SOURCES:
        path = os.path.join(cache_directory(), source.name)
        if _is_right(path, source):
            return path
    return None


def _is_right(path, source):
    """Whether the file has the source's digest, which is computed once for each state of the file."""
    try:
        status = os.stat(path)
        state = f"{source.digest} {status.st_size} {status.st_mtime_ns}".encode()
        note = os.path.join(os.path.dirname(path), f"neural-style-{source.name}.checked")
        with suppress(OSError), open(note, "rb") as file:
            if file.read() == state:
                return True
        if _digest(path, source.algorithm) != source.digest:
            return False
    except OSError:
        return False
    with suppress(OSError), files.replacing(note) as file:
        file.write(state)
    return True


def _digest(path, algorithm):
    digest = hashlib.new(algorithm, usedforsecurity=False)  # where MD5 is forbidden it is so for security alone
    with open(path, "rb") as file:
        while chunk := file.read(BYTES_AT_ONCE):
            digest.update(chunk)
    return digest.hexdigest()


class _Failed(Exception):
    """A source does not give its file; the text is the reason."""


class _Cut(_Failed):
    """It may give it when asked again."""


def fetch(say):
    """The path of VGG-19 in the cache, fetched if need be; raises weights.NetworkError where it cannot be had.

    NEURAL_STYLE_MIRROR, the address of a directory, stands in for the published ones; digests are checked all the same.
    """
    if path := cached():
        return path
    directory, failures = cache_directory(), []
    try:
        os.makedirs(directory, exist_ok=True)
        with _part_ending(directory, say) as ending:
            if path := cached():  # another process has fetched it meanwhile
                return path
            for source in SOURCES:
                target = os.path.join(directory, source.name)
                try:
                    _fetch_from(source, target, target + ending, say)
                    return target
                except _Failed as failure:
                    failures.append(str(failure))
    except OSError as error:  # of the cache: a source's own are _Failed
        failures = [f"cannot write in {directory} ({error.strerror})"]
    by_hand = " or ".join(f"{s.directory}/{s.name} ({s.algorithm.upper()} {s.digest})" for s in SOURCES)
    raise weights.NetworkError(
        f"cannot fetch vgg19: {'; '.join(failures)}; fetch it by hand from {by_hand} and name the file with --network"
    )


@contextmanager
def _part_ending(directory, say):
    """Lets one process at a time fetch. Yields the ending of an unfinished file's name, which no other process uses."""
    with open(os.path.join(directory, "neural-style.lock"), "wb") as file:
        if _locked(file, say):
            yield ".part"
            return
    ending = f".{uuid.uuid4().hex}.part"
    try:
        yield ending
    finally:  # nobody could go on with it
        for source in SOURCES:
            with suppress(OSError):
                os.remove(os.path.join(directory, source.name + ending))


def _locked(file, say):
    """Wait for the lock on `file`, which ends when it is closed or the process dies; False where there are no locks."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another process that is fetching vgg19")
        fcntl.flock(file, fcntl.LOCK_EX)
    except (ImportError, OSError):  # Windows, and the file systems of some clusters
        return False
    return True


def _fetch_from(source, target, part, say):
    """Fetch the source's file into `part` and make it `target`; raises _Failed where the source is at fault."""
    directory = os.environ.get("NEURAL_STYLE_MIRROR") or source.directory
    address = f"{directory.rstrip('/')}/{source.name}"
    say(f"fetching {address}")
    for last in (False, True):
        try:
            resumed = _download(address, source, part, say)
            got = _digest(part, source.algorithm)
            if got == source.digest:
                os.replace(part, target)
                return
            os.remove(part)
            # The first half may have been another file's; a whole one is asked for before the source is blamed.
            failure = _Cut if resumed else _Failed
            raise failure(f"{address} gave a file with {source.algorithm.upper()} {got} instead of {source.digest}")
        except _Cut:
            if last:
                raise
        except OSError:
            with suppress(OSError):
                os.remove(part)  # a full disk should not stay full because of us
            raise


def _download(address, source, part, say):
    """Fetch what `part` lacks of the file at `address`; returns whether any of it was there before.

    keras.utils.get_file will not do: it writes to the final name, starts anew after a cut and knows no timeout.
    The digest, checked when all is there, tells whether the halves belong together, so no If-Range is sent.
    """
    start = os.path.getsize(part) if os.path.exists(part) else 0
    response = _request(address, start)
    if response is None:
        return True
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise _Failed(f"{address} gave another range than asked for")
        total = source.size if response.length is None else resumed * start + response.length
        if source.size and total != source.size:
            raise _Failed(f"{address} offers {total} bytes instead of {source.size}")
        with open(part, "ab" if resumed else "wb") as file, _progress(total or MAX_BYTES, say) as tell:
            for chunk in _chunks(response, address):
                file.write(chunk)
                tell(file.tell())
                if file.tell() > (total or MAX_BYTES):
                    break  # the digest will say that this is not the file
            file.flush()
            os.fsync(file.fileno())
            if total and file.tell() < total:
                raise _Cut(f"{address} broke off after {file.tell()} of {total} bytes")
    return resumed


def _request(address, start):
    """The answer to a request for the file from byte `start` on; None where the server says it ends there."""
    opener = urllib.request.OpenerDirector()
    for handler in ("Proxy", "HTTP", "HTTPS", "HTTPRedirect", "HTTPDefaultError", "Unknown"):
        opener.add_handler(getattr(urllib.request, handler + "Handler")())  # the usual ones but for file: and ftp:
    opener.add_handler(urllib.request.HTTPErrorProcessor())
    try:
        request = urllib.request.Request(address, headers={"Range": f"bytes={start}-"} if start else {})
        return opener.open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if start and error.code == 416:
            return None
        raise _Failed(f"{address} answered with status {error.code}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _Failed(f"{address}: {_reason(error)}") from None


def _chunks(response, address):
    """The bytes of an answer as they come; raises _Cut where they stop coming."""
    while True:
        try:
            chunk = response.read1(BYTES_AT_ONCE)
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(f"{address} broke off ({_reason(error)})") from None
        if not chunk:
            return
        yield chunk


def _reason(error):
    error = getattr(error, "reason", error)  # urllib wraps what it met
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def _progress(total, say):
    """Yields a function to be told how many bytes are there; a terminal sees them in one line, a log in tenths."""
    terminal, shown = sys.stderr.isatty(), 0
    step = 1 if terminal else 10

    def tell(count):
        nonlocal shown
        percent = 100 * count // total // step * step
        if percent > shown:
            shown, text = percent, f"{percent} % of {total / 1e6:.0f} MB"
            if terminal:
                print(f"\rneural_style: {text}", end="", file=sys.stderr, flush=True)
            else:
                say(text)

    try:
        yield tell
    finally:
        if terminal and shown:
            print(file=sys.stderr)


def load(path):
    """The weights.Network in the file `path`, as weights.load reads it.

    Of a large MATLAB file the convolutions are kept in the cache, to be read in its stead until it changes.
    """
    try:
        status = os.stat(path)
        with open(path, "rb") as file:
            worth_it = status.st_size > COPY_ABOVE and file.read(6) == b"MATLAB"
    except OSError:
        worth_it = False  # weights.load says why
    if not worth_it:
        return weights.load(path)
    # Named after the path alone, so that the copy of a changed file replaces the old one.
    key = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    copy = os.path.join(cache_directory(), f"neural-style-{key}.npz")
    state = [status.st_size, status.st_mtime_ns]
    network = _read_copy(copy, state)
    if network is None:
        network = weights.load(path)
        _write_copy(copy, state, network)
    return network


def _read_copy(copy, state):
    """The Network in a copy made of a file in this state, or None."""
    import numpy as np

    try:
        with open(copy, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            if arrays["state"].tolist() != state:
                return None
            names = [name for name in CONVOLUTIONS if f"{name}.kernel" in arrays]
            convolutions = {name: (arrays[f"{name}.kernel"], arrays[f"{name}.bias"]) for name in names}
            return weights.checked(convolutions, arrays["mean_pixel"])
    except Exception:  # a mangled file raises every type there is; the network itself is still at hand
        return None


def _write_copy(copy, state, network):
    import numpy as np

    arrays = {"state": np.array(state, np.int64), "mean_pixel": network.mean_pixel}
    for name, (kernel, bias) in network.convolutions.items():
        arrays |= {f"{name}.kernel": kernel, f"{name}.bias": bias}
    with suppress(OSError):
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with files.replacing(copy) as file:
            np.savez(file, **arrays)
