"""The choice of the network and its download, from real HTTP servers on the loopback interface."""

import hashlib
import io
import os
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import vgg
from brushwork.errors import NetworkError
from brushwork.network import store
from tests.helpers import tiny_networks

KERAS, MATCONVNET = "tiny.h5", "tiny.mat"


class Server(ThreadingHTTPServer):
    """Serves `files`, name -> bytes. `script`: functions that answer the next requests instead."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.script, self.requests = {}, [], []
        self.done = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        contents = self.server.files.get(self.path.rpartition("/")[2])
        if contents is None:
            return self.answer(b"not here", status=404)
        behaviour = self.server.script.pop(0) if self.server.script else Handler.answer
        return behaviour(self, contents)

    def answer(self, body, *, length=None, status=200, location=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def breaks_off(handler, contents):
    handler.answer(contents[: len(contents) // 2], length=len(contents))


def stalls(handler, contents):
    breaks_off(handler, contents)
    handler.server.done.wait(10)


def is_silent(handler, contents):
    handler.server.done.wait(10)


def is_wrong(handler, contents):
    handler.answer(contents[:-1] + b"?")


def redirects_to(location):
    return lambda handler, contents: handler.answer(b"", status=302, location=location)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.done.set()
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty cache, an empty working directory, nothing in the environment, and no pauses between retries."""
    for name in ("NEURAL_STYLE_NETWORK", "NEURAL_STYLE_MIRROR", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def sources(server, tmp_path, tiny, tiny_file, monkeypatch):
    """The two sources, on the server, with the tiny network in both formats."""
    tiny_networks.write_keras(tmp_path / KERAS, tiny)
    server.files = {KERAS: (tmp_path / KERAS).read_bytes(), MATCONVNET: tiny_file.read_bytes()}
    sources = tuple(
        store.Source(server.address, name, 80, f"{algorithm}:{hashlib.new(algorithm, server.files[name]).hexdigest()}")
        for name, algorithm in ((KERAS, "md5"), (MATCONVNET, "sha256"))
    )
    monkeypatch.setattr(store, "SOURCES", sources)
    return sources


def in_cache(name=""):
    return Path(store.cache_directory(), name)


def assert_refused(sources):
    """Return the sentence of a failing download, which must leave no file behind."""
    with pytest.raises(NetworkError) as caught:
        store.fetch()
    sentence = str(caught.value)
    assert sentence.startswith("cannot download vgg19: ")
    assert "\n" not in sentence
    for source in sources:
        assert f"{source.directory}/{source.name} ({source.digest})" in sentence
    assert sentence.endswith("use --network FILE")
    assert [path for path in in_cache().glob("*") if path.is_file()] == []
    return sentence


# Which network


def test_pocket_is_in_the_package():
    assert store.resolve("pocket") == str(Path(store.__file__).parent / "pocket-vgg19.mat")
    assert os.path.isfile(store.POCKET_FILE)


def test_vgg19_is_downloaded_once(server, sources, logged):
    path = store.resolve("vgg19")
    assert store.resolve("vgg19") == path == str(in_cache(KERAS))
    assert server.requests == [f"/{KERAS}"]
    assert len(logged) == 1


def test_a_path_is_returned_as_it_is(tiny_file):
    assert store.resolve(str(tiny_file)) == str(tiny_file)
    assert store.resolve("missing.mat") == "missing.mat"  # vgg.load reports what is wrong


def test_a_name_wins_over_a_file_of_that_name():
    for name in ("pocket", "mine"):
        Path(name).touch()
    assert store.resolve("pocket") == store.POCKET_FILE
    assert store.resolve("./pocket") == "./pocket"
    assert store.resolve("mine") == "mine"


def test_an_unknown_name_is_refused():
    with pytest.raises(NetworkError, match="no network 'vgg16': it is neither a file nor one of pocket and vgg19"):
        store.resolve("vgg16")


@pytest.mark.parametrize("downloaded", [True, False])
@pytest.mark.parametrize("classic", [True, False])
@pytest.mark.parametrize("wish", ["", "mine.mat", "pocket"])
def test_the_default_network(wish, classic, downloaded, sources, server, monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", wish)
    os.makedirs("there")
    if classic:
        Path("there", store.CLASSIC_FILE).touch()
    if downloaded:
        os.makedirs(in_cache())
        in_cache(MATCONVNET).write_bytes(server.files[MATCONVNET])
    name, sentence = store.default("there")
    if wish:
        expected, named = {"pocket": store.POCKET_FILE}.get(wish, wish), f"{wish}, from NEURAL_STYLE_NETWORK"
    elif classic:
        expected = named = os.path.join("there", store.CLASSIC_FILE)
    elif downloaded:
        expected = named = str(in_cache(MATCONVNET))
    else:
        expected, named = store.POCKET_FILE, "pocket; --network vgg19"
    assert store.resolve(name) == expected
    assert named in sentence
    assert server.requests == []


def test_a_named_network_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "mine.mat")
    assert store.resolve("pocket") == store.POCKET_FILE


def test_the_classic_file_in_the_working_directory():
    Path(store.CLASSIC_FILE).touch()
    assert store.default()[0] == store.CLASSIC_FILE


def test_would_download(server, sources):
    assert store.would_download("vgg19")
    assert not store.would_download("pocket")
    assert server.requests == []
    store.fetch()
    assert not store.would_download("vgg19")


def test_the_cache_is_that_of_keras(home, monkeypatch):
    assert store.cache_directory() == str(home / "keras" / "models")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    assert store.cache_directory() == str(home / ".keras" / "models")


def test_the_published_files_are_those_of_keras_and_matconvnet():
    keras, matconvnet = store.SOURCES
    assert f"{keras.directory}/{keras.name}" == (
        "https://storage.googleapis.com/tensorflow/keras-applications/vgg19/"
        "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    )
    assert keras.digest == "md5:253f8cb515780f3b799900260a226db6"
    assert f"{matconvnet.directory}/{matconvnet.name}" == (
        "https://www.vlfeat.org/matconvnet/models/imagenet-vgg-verydeep-19.mat"
    )
    assert matconvnet.digest == "sha256:abdb57167f82a2a1fbab1e1c16ad9373411883f262a1a37ee5db2e6fb0044695"


def test_importing_it_imports_nothing_heavy():
    heavy = ("tensorflow", "scipy", "h5py", "numpy", "requests", "pooch")
    program = f"import sys, brushwork.network.store; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=60).stdout == b"[]\n"


# The download


def test_a_downloaded_file_can_be_loaded(server, sources, tiny, logged):
    path = store.fetch()
    assert path == str(in_cache(KERAS))
    assert Path(path).read_bytes() == server.files[KERAS]
    assert logged == [("info", f"downloading vgg19 (80 MB) from {server.address}")]
    assert os.listdir(in_cache()) == [KERAS]
    tiny_networks.assert_same(vgg.load(path), tiny)


def test_a_terminal_shows_progress_and_a_file_does_not(sources, monkeypatch, capfd):
    store.fetch()
    assert capfd.readouterr() == ("", "")
    in_cache(KERAS).unlink()
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    store.fetch()
    assert "100%" in terminal.getvalue()


def test_the_second_source_is_used_where_the_first_fails(server, sources, tiny):
    del server.files[KERAS]
    path = store.fetch()
    assert path == str(in_cache(MATCONVNET))
    tiny_networks.assert_same(vgg.load(path), tiny)


@pytest.mark.parametrize("failure", [breaks_off, is_wrong])
def test_a_retry_succeeds(failure, server, sources):
    server.script = [failure] * store.RETRIES
    assert Path(store.fetch()).read_bytes() == server.files[KERAS]
    assert server.requests == [f"/{KERAS}"] * (1 + store.RETRIES)


@pytest.mark.parametrize(
    ("failure", "reasons"),
    [
        (breaks_off, ("the connection broke off",) * 2),
        (is_wrong, ("the file is not the published one, md5:", "the file is not the published one, sha256:")),
        (stalls, ("timed out",) * 2),
        (is_silent, ("timed out",) * 2),
        (redirects_to("file:///etc/passwd"), ("No connection adapters",) * 2),
    ],
)
def test_failures_are_reported_and_leave_nothing(failure, reasons, server, sources, monkeypatch):
    monkeypatch.setattr(store, "TIMEOUT", 0.1)
    server.script = [failure] * 2 * (1 + store.RETRIES)
    first, second = (f"{server.address}: {reason}" for reason in reasons)
    sentence = assert_refused(sources)
    assert first in sentence
    assert second in sentence.replace(first, "", 1)


def test_missing_files_are_reported(server, sources):
    server.files = {}
    assert f"{server.address}: status 404; {server.address}: status 404; " in assert_refused(sources)


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_refused_connection_is_reported(sources, monkeypatch):
    address = closed_port()
    monkeypatch.setattr(store, "SOURCES", tuple(source._replace(directory=address) for source in sources))
    assert f"{address}: cannot connect (ConnectionError)" in assert_refused(store.SOURCES)


def test_a_host_that_does_not_resolve_is_reported(sources, monkeypatch):
    def no_address(*arguments, **keywords):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", "http://mirror.invalid")
    assert "http://mirror.invalid: cannot connect" in assert_refused(sources)


def test_a_redirect_is_followed(server, sources):
    server.files["moved"] = server.files[KERAS]
    server.script = [redirects_to("/moved")]
    assert store.fetch() == str(in_cache(KERAS))
    assert server.requests == [f"/{KERAS}", "/moved"]


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_mirror_replaces_the_published_places(ending, server, sources, monkeypatch):
    monkeypatch.setattr(store, "SOURCES", tuple(source._replace(directory=closed_port()) for source in sources))
    monkeypatch.setattr(store, "RETRIES", 0)
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", f"{server.address}/some/where{ending}")
    del server.files[KERAS]
    assert store.fetch() == str(in_cache(MATCONVNET))
    assert server.requests == [f"/some/where/{KERAS}", f"/some/where/{MATCONVNET}"]


@pytest.mark.parametrize(
    "mirror", ["file://{home}", "{home}", "example", "http://", "http://a b", "http://a:b", "ftp://a"]
)
def test_a_mirror_must_be_an_http_address(mirror, sources, home, monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", mirror.format(home=home))  # a directory with the right file
    assert_refused(sources)


def test_a_full_disk_is_reported_and_not_kept_full(server, sources):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # writing more fails as on a full disk
    try:
        sentence = assert_refused(sources)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"cannot write to {in_cache()} (File too large)" in sentence
    assert server.requests == [f"/{KERAS}"]  # neither again nor the larger file


def test_a_cache_that_cannot_be_written_is_reported(home, sources, server):
    (home / "keras").touch()
    assert f"cannot write to {in_cache()} (" in assert_refused(sources)
    assert server.requests == []


def test_a_file_that_keras_has_downloaded_is_used(server, sources):
    os.makedirs(in_cache())
    in_cache(KERAS).write_bytes(server.files[KERAS])
    assert store.fetch() == str(in_cache(KERAS))
    assert server.requests == []


def test_a_broken_file_in_the_cache_is_not_used_and_replaced(server, sources):
    os.makedirs(in_cache())
    in_cache(KERAS).write_bytes(server.files[KERAS][:-1])
    assert store.default()[0] == "pocket"
    assert Path(store.fetch()).read_bytes() == server.files[KERAS]
