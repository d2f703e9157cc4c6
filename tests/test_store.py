"""The store of networks: which one is used, how it is fetched, and the copy kept of a large one."""

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

import numpy as np
import pytest

import store
import tiny_networks
import weights

KERAS, MATCONVNET = "tiny.h5", "tiny.mat"


class Server(ThreadingHTTPServer):
    """Serves `files`, name -> bytes, over loopback; `script` says how, answer by answer, and then as usual."""

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
        self.server.requests.append((self.path, self.headers.get("Range")))
        behaviour = self.server.script.pop(0) if self.server.script else ranged
        contents = self.server.files.get(self.path.rpartition("/")[2])
        behaviour(self, contents) if contents is not None else self.answer(404, b"not here")

    def answer(self, status, body, *, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def ranged(handler, contents):
    """As a server should."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    if start >= len(contents):
        handler.answer(416, b"", Content_Range=f"bytes */{len(contents)}")
    elif start:
        where = f"bytes {start}-{len(contents) - 1}/{len(contents)}"
        handler.answer(206, contents[start:], Content_Range=where)
    else:
        whole(handler, contents)


def whole(handler, contents):
    handler.answer(200, contents)


def cut(handler, contents):
    handler.answer(200, contents[: len(contents) // 2], length=len(contents))


def stalls(handler, contents):
    cut(handler, contents)
    handler.server.done.wait(10)


def silent(handler, contents):
    handler.server.done.wait(10)


def wrong(handler, contents):
    handler.answer(200, contents[:-1] + b"?")


def wrong_range(handler, contents):
    handler.answer(206, contents[7:], length=len(contents) - 7, Content_Range="bytes 7-/*")


def login_page(handler, contents):
    handler.answer(200, b"<html>please log in</html>")


def endless(handler, contents):
    handler.send_response(200)  # HTTP/1.0 without a length: to the end of the connection
    handler.end_headers()
    try:
        while not handler.server.done.is_set():
            handler.wfile.write(bytes(1 << 16))
    except OSError:
        handler.server.requests.append("hung up")


def without_length(handler, contents):
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(contents)


def cut_without_length(handler, contents):
    without_length(handler, contents[: len(contents) // 2])


def status(code, **headers):
    return lambda handler, contents: handler.answer(code, b"", **headers)


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
    """An empty cache, no wishes in the environment and an empty working directory."""
    for name in ("NEURAL_STYLE_NETWORK", "NEURAL_STYLE_MIRROR", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path


@pytest.fixture
def sources(server, tmp_path, tiny, tiny_file, monkeypatch):
    """The two sources, with a tiny network each, on the server."""
    tiny_networks.write_keras(tmp_path / KERAS, tiny)
    server.files = {KERAS: (tmp_path / KERAS).read_bytes(), MATCONVNET: tiny_file.read_bytes()}
    sources = []
    for name, algorithm in ((KERAS, "md5"), (MATCONVNET, "sha256")):
        contents = server.files[name]
        size = len(contents) if name == KERAS else None
        sources.append(
            store.Source(server.address, name, size, algorithm, hashlib.new(algorithm, contents).hexdigest())
        )
    monkeypatch.setattr(store, "SOURCES", tuple(sources))
    return sources


def in_cache(name=""):
    return Path(store.cache_directory(), name)


def finished():
    """The networks in the cache under their final names."""
    return sorted(path.name for path in in_cache().glob("*") if path.suffix in (".h5", ".mat"))


def refusal(sources):
    """The sentence of a failing fetch, after what holds for every one of them."""
    with pytest.raises(weights.NetworkError) as caught:
        store.fetch(lambda sentence: None)
    sentence = str(caught.value)
    assert sentence.startswith("cannot fetch vgg19: ")
    assert "\n" not in sentence
    for source in sources:
        assert f"{source.directory}/{source.name} ({source.algorithm.upper()} {source.digest})" in sentence
    assert "--network" in sentence
    assert finished() == []
    return sentence


def same(network, other):
    assert list(network.convolutions) == list(other.convolutions)
    for name, arrays in network.convolutions.items():
        for array, expected in zip(arrays, other.convolutions[name], strict=True):
            np.testing.assert_array_equal(array, expected)
    np.testing.assert_allclose(network.mean_pixel, other.mean_pixel, rtol=1e-6)


# Which network


def test_a_named_pocket_is_the_file_beside_the_program():
    said = []
    path = store.resolve("pocket", say=said.append)
    assert path == str(Path(store.__file__).parent / "networks" / "pocket-vgg19.mat")
    assert os.path.isfile(path)
    assert said == []


def test_a_named_vgg19_is_fetched_once(server, sources):
    path = store.resolve("vgg19", say=lambda sentence: None)
    assert store.resolve("vgg19", say=pytest.fail) == path == str(in_cache(KERAS))
    assert len(server.requests) == 1


def test_a_path_is_itself_and_says_nothing(tiny_file):
    assert store.resolve(str(tiny_file), say=pytest.fail) == str(tiny_file)
    assert store.resolve("missing.mat", say=pytest.fail) == "missing.mat"  # weights.load says what is wrong


def test_a_name_wins_over_a_file_of_that_name():
    for name in ("pocket", "mine"):
        Path(name).touch()
    assert store.resolve("pocket", say=pytest.fail) == store.POCKET_FILE
    assert store.resolve("./pocket", say=pytest.fail) == "./pocket"
    assert store.resolve("mine", say=pytest.fail) == "mine"


def test_an_unknown_name_is_told_the_names():
    with pytest.raises(weights.NetworkError, match="no network 'vgg16': neither a file nor one of pocket and vgg19"):
        store.resolve("vgg16", say=pytest.fail)


@pytest.mark.parametrize("fetched", [True, False])
@pytest.mark.parametrize("classic", [True, False])
@pytest.mark.parametrize("wish", ["", "mine.mat", "pocket"])
def test_without_a_wish_the_first_of_the_order_is_used_and_told(wish, classic, fetched, sources, server, monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", wish)
    os.makedirs("there")
    if classic:
        Path("there", store.CLASSIC_FILE).touch()
    if fetched:
        os.makedirs(in_cache())
        in_cache(MATCONVNET).write_bytes(server.files[MATCONVNET])
    said = []
    path = store.resolve(say=said.append, directory="there")
    if wish:
        expected, told = {"pocket": store.POCKET_FILE}.get(wish, wish), f"{wish}, as NEURAL_STYLE_NETWORK says"
    elif classic:
        expected = told = os.path.join("there", store.CLASSIC_FILE)
    elif fetched:
        expected = told = str(in_cache(MATCONVNET))
    else:
        expected, told = store.POCKET_FILE, "--network vgg19"
    assert path == expected
    assert len(said) == 1
    assert told in said[0]
    assert server.requests == []


def test_a_wish_in_the_environment_gives_way_to_the_flag(monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "mine.mat")
    assert store.resolve("pocket", say=pytest.fail) == store.POCKET_FILE


def test_the_classic_file_is_looked_for_in_the_working_directory():
    Path(store.CLASSIC_FILE).touch()
    assert store.resolve(say=lambda sentence: None) == store.CLASSIC_FILE


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
    assert (keras.size, keras.algorithm, keras.digest) == (80134624, "md5", "253f8cb515780f3b799900260a226db6")
    assert f"{matconvnet.directory}/{matconvnet.name}" == (
        "https://www.vlfeat.org/matconvnet/models/imagenet-vgg-verydeep-19.mat"
    )
    assert matconvnet.digest == "abdb57167f82a2a1fbab1e1c16ad9373411883f262a1a37ee5db2e6fb0044695"


def test_importing_it_loads_neither_tensorflow_nor_scipy():
    program = "import sys, store; sys.exit(any(name in sys.modules for name in ('tensorflow', 'scipy', 'h5py')))"
    directory = Path(store.__file__).parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(directory), os.environ.get("PYTHONPATH", "")])}
    assert subprocess.run([sys.executable, "-c", program], env=environment, timeout=60).returncode == 0


# Fetching


def test_a_whole_file_is_fetched_and_can_be_loaded(server, sources, tiny):
    said = []
    path = store.fetch(said.append)
    assert path == str(in_cache(KERAS))
    assert Path(path).read_bytes() == server.files[KERAS]
    assert f"fetching {server.address}/{KERAS}" in said
    assert any(sentence.startswith("100 %") for sentence in said)
    assert not list(in_cache().glob("*.part"))
    same(store.load(path), tiny)


def test_progress_is_told_in_tenths_or_on_a_terminal_in_one_line(monkeypatch):
    said = []
    with store._progress(1_000_000, said.append) as tell:
        for count in range(0, 1_000_001, 1000):
            tell(count)
    assert said == [f"{tenth}0 % of 1 MB" for tenth in range(1, 11)]

    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    with store._progress(1_000_000, pytest.fail) as tell:
        tell(500_000)
    assert terminal.getvalue() == "\rneural_style: 50 % of 1 MB\n"


def test_a_file_that_was_cut_off_is_resumed_at_once(server, sources):
    server.script = [cut]
    path = store.fetch(lambda sentence: None)
    half = len(server.files[KERAS]) // 2
    assert server.requests == [(f"/{KERAS}", None), (f"/{KERAS}", f"bytes={half}-")]
    assert Path(path).read_bytes() == server.files[KERAS]


def test_what_was_cut_off_twice_is_resumed_by_the_next_run(server, sources):
    server.script = [cut, status(503), status(503)]
    sentence = refusal(sources)
    assert "answered with status 503" in sentence
    half = len(server.files[KERAS]) // 2
    assert in_cache(KERAS + ".part").read_bytes() == server.files[KERAS][:half]
    store.fetch(lambda sentence: None)
    assert server.requests[-1] == (f"/{KERAS}", f"bytes={half}-")
    assert finished() == [KERAS]


def test_a_cut_names_how_far_it_came(server, sources):
    def nothing_more(handler, contents):
        start = int(handler.headers["Range"][6:-1])
        length = len(contents) - start
        handler.answer(206, b"", length=length, Content_Range=f"bytes {start}-{len(contents) - 1}/{len(contents)}")

    server.script = [cut, nothing_more, status(404)]
    size = len(server.files[KERAS])
    assert f"broke off after {size // 2} of {size} bytes" in refusal(sources)


def test_a_server_need_not_tell_the_length(server, sources):
    server.script = [cut_without_length]
    store.fetch(lambda sentence: None)
    half = len(server.files[KERAS]) // 2
    assert server.requests == [(f"/{KERAS}", None), (f"/{KERAS}", f"bytes={half}-")]

    in_cache(KERAS).unlink()
    server.script = [status(404), without_length]
    assert Path(store.fetch(lambda sentence: None)).read_bytes() == server.files[MATCONVNET]


def part_of_earlier(contents):
    os.makedirs(in_cache(), exist_ok=True)
    in_cache(KERAS + ".part").write_bytes(contents)


def test_a_server_without_ranges_gives_the_whole_again(server, sources):
    part_of_earlier(server.files[KERAS][:100])
    server.script = [whole]
    assert Path(store.fetch(lambda sentence: None)).read_bytes() == server.files[KERAS]
    assert len(server.requests) == 1


def test_a_complete_part_is_not_fetched_again(server, sources):
    part_of_earlier(server.files[KERAS])
    store.fetch(lambda sentence: None)
    assert server.requests == [(f"/{KERAS}", f"bytes={len(server.files[KERAS])}-")]
    assert finished() == [KERAS]


@pytest.mark.parametrize("part", ["another file's beginning", "longer" * 100_000])
def test_a_part_of_another_file_is_dropped(part, server, sources):
    part_of_earlier(part.encode())
    assert Path(store.fetch(lambda sentence: None)).read_bytes() == server.files[KERAS]
    assert [wanted for _, wanted in server.requests] == [f"bytes={len(part)}-", None]


def test_an_answer_with_another_range_is_not_appended(server, sources, monkeypatch):
    monkeypatch.setattr(store, "SOURCES", tuple(source._replace(size=None) for source in sources))
    part_of_earlier(server.files[KERAS][:100])
    server.script = [wrong_range]
    assert store.fetch(lambda sentence: None) == str(in_cache(MATCONVNET))
    assert in_cache(KERAS + ".part").read_bytes() == server.files[KERAS][:100]


def test_the_second_source_serves_where_the_first_fails(server, sources, tiny):
    del server.files[KERAS]
    path = store.fetch(lambda sentence: None)
    assert path == str(in_cache(MATCONVNET))
    same(store.load(path), tiny)


def test_a_wrong_digest_is_named_and_leaves_nothing(server, sources):
    server.script = [wrong, wrong]
    sentence = refusal(sources)
    for name, source in zip((KERAS, MATCONVNET), sources, strict=True):
        got = hashlib.new(source.algorithm, server.files[name][:-1] + b"?").hexdigest()
        assert f"/{name} gave a file with {source.algorithm.upper()} {got} instead of {source.digest}" in sentence
    assert not list(in_cache().glob("*.part"))
    assert len(server.requests) == 2


def test_a_missing_file_is_a_sentence(server, sources):
    server.files = {}
    sentence = refusal(sources)
    for name in (KERAS, MATCONVNET):
        assert f"{server.address}/{name} answered with status 404" in sentence
    assert not list(in_cache().glob("*.part"))


def test_a_page_in_place_of_the_file_spares_what_is_there(server, sources):
    part_of_earlier(server.files[KERAS][:100])
    server.script = [login_page, status(404)]
    assert f"offers 26 bytes instead of {len(server.files[KERAS])}" in refusal(sources)
    assert in_cache(KERAS + ".part").read_bytes() == server.files[KERAS][:100]


def test_an_endless_answer_is_cut_short(server, sources, monkeypatch):
    monkeypatch.setattr(store, "MAX_BYTES", 1 << 20)
    server.script = [endless, endless]
    assert "gave a file with MD5" in refusal(sources)
    assert not list(in_cache().glob("*.part"))


@pytest.mark.parametrize("behaviour", [stalls, silent])
def test_a_server_that_falls_silent_is_not_waited_for(behaviour, server, sources, monkeypatch):
    monkeypatch.setattr(store, "TIMEOUT", 0.2)
    server.script = [behaviour] * 4
    begin = time.monotonic()
    assert "timed out" in refusal(sources)
    assert time.monotonic() - begin < 5


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_refused_connection_is_a_sentence(sources, monkeypatch):
    address = closed_port()
    monkeypatch.setattr(store, "SOURCES", tuple(source._replace(directory=address) for source in sources))
    sentence = refusal(store.SOURCES)
    assert f"{address}/{KERAS}: Connection refused; {address}/{MATCONVNET}: Connection refused" in sentence


def test_a_name_that_does_not_resolve_is_a_sentence(sources, monkeypatch):
    def no_address(*arguments, **keywords):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_address)
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", "http://mirror.invalid")
    assert f"http://mirror.invalid/{KERAS}: Name or service not known" in refusal(sources)


def test_a_redirect_is_followed(server, sources):
    server.files["moved"] = server.files[KERAS]
    server.script = [status(302, Location="/moved")]
    assert store.fetch(lambda sentence: None) == str(in_cache(KERAS))
    assert [path for path, _ in server.requests] == [f"/{KERAS}", "/moved"]


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_a_redirect_to_another_scheme_is_not_followed(scheme, server, sources, home):
    address = {"file": f"file://{home / KERAS}", "ftp": "ftp://127.0.0.1:9/tiny.h5", "data": "data:,tiny"}[scheme]
    server.script = [status(302, Location=address)] * 2
    sentence = refusal(sources)
    assert {"file": "status 302", "ftp": "unknown url type: ftp", "data": "status 302"}[scheme] in sentence


@pytest.mark.parametrize(
    "mirror", ["file://{home}", "{home}", "example", "http://", "http://a b", "http://a:b", "ftp://a"]
)
def test_a_mirror_has_to_be_an_address_of_http(mirror, sources, home, monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", mirror.format(home=home))  # where the right file lies
    refusal(sources)


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_mirror_stands_in_for_the_published_places(ending, server, sources, monkeypatch):
    monkeypatch.setattr(store, "SOURCES", tuple(source._replace(directory=closed_port()) for source in sources))
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", f"{server.address}/some/where{ending}")
    del server.files[KERAS]
    assert store.fetch(lambda sentence: None) == str(in_cache(MATCONVNET))
    assert [path for path, _ in server.requests] == [f"/some/where/{KERAS}", f"/some/where/{MATCONVNET}"]


def test_a_mirrors_digest_is_checked(server, sources, monkeypatch):
    monkeypatch.setenv("NEURAL_STYLE_MIRROR", server.address)
    server.script = [wrong, wrong]
    assert "gave a file with MD5" in refusal(sources)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_is_a_sentence_and_is_not_kept_full(server, sources):
    os.makedirs(in_cache())
    os.symlink("/dev/full", in_cache(KERAS + ".part"))
    assert f"cannot write in {in_cache()} (No space left on device)" in refusal(sources)
    assert not list(in_cache().glob("*.part"))
    assert len(server.requests) == 1  # the larger file would not fit either


def test_a_cache_that_cannot_be_written_is_a_sentence(home, sources, server):
    (home / "keras").touch()
    assert f"cannot write in {in_cache()} (" in refusal(sources)
    assert server.requests == []


def test_a_final_name_that_is_taken_by_a_directory_is_a_sentence(sources):
    os.makedirs(in_cache(KERAS))
    with pytest.raises(weights.NetworkError, match=r"cannot write in .* \(Is a directory\)"):
        store.fetch(lambda sentence: None)


def test_a_file_that_keras_has_fetched_is_used_after_one_check(server, sources, monkeypatch):
    os.makedirs(in_cache())
    in_cache(KERAS).write_bytes(server.files[KERAS])
    assert store.fetch(pytest.fail) == str(in_cache(KERAS))
    with monkeypatch.context() as patch:
        patch.setattr(store, "_digest", lambda *arguments: pytest.fail("checked again"))
        assert store.fetch(pytest.fail) == str(in_cache(KERAS))
    assert server.requests == []


def test_a_fetched_file_serves_where_nothing_can_be_written(server, sources):
    os.makedirs(in_cache("neural-style.lock"))
    in_cache(KERAS).write_bytes(server.files[KERAS])
    assert store.fetch(pytest.fail) == str(in_cache(KERAS))


def test_a_broken_file_in_the_cache_is_not_used_and_is_fetched_anew(server, sources):
    os.makedirs(in_cache())
    in_cache(KERAS).write_bytes(server.files[KERAS])
    store.fetch(pytest.fail)
    in_cache(KERAS).write_bytes(server.files[KERAS][:-1])
    assert store.resolve(say=lambda sentence: None) == store.POCKET_FILE
    assert Path(store.fetch(lambda sentence: None)).read_bytes() == server.files[KERAS]


@pytest.mark.parametrize("locks", [True, False])
def test_two_that_fetch_at_once_do_not_spoil_each_other(locks, server, sources, monkeypatch):
    if not locks:
        monkeypatch.setattr(store, "_locked", lambda file, say: False)

    def slow(handler, contents):
        cut(handler, contents)
        time.sleep(0.2)
        handler.wfile.write(contents[len(contents) // 2 :])

    server.script = [slow, slow]
    said, paths = [], []
    threads = [threading.Thread(target=lambda: paths.append(store.fetch(said.append))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert paths == [str(in_cache(KERAS))] * 2
    assert in_cache(KERAS).read_bytes() == server.files[KERAS]
    assert not list(in_cache().glob("*.part"))
    if locks:
        assert len(server.requests) == 1
        assert "waiting for another process that is fetching vgg19" in said


def test_without_locks_a_failing_fetch_leaves_no_part(server, sources, monkeypatch):
    monkeypatch.setattr(store, "_locked", lambda file, say: False)
    server.script = [cut, status(503), cut, status(503)]
    refusal(sources)
    assert not list(in_cache().glob("*.part"))


# The copy of a large file


@pytest.fixture
def large(home, tiny_file, monkeypatch):
    """A file that counts as large, and the list of the files that weights.load has read."""
    path, read, load = home / "large.mat", [], weights.load
    path.write_bytes(tiny_file.read_bytes())
    monkeypatch.setattr(store, "COPY_ABOVE", 1000)
    monkeypatch.setattr(weights, "load", lambda path: read.append(path) or load(path))
    return path, read


def the_copy():
    (copy,) = in_cache().glob("neural-style-*.npz")
    return copy


def test_a_large_file_is_read_once(large, tiny):
    path, read = large
    same(store.load(path), tiny)
    same(store.load(path), tiny)
    assert read == [path]


def test_a_small_file_and_one_of_keras_leave_no_copy(home, tiny, tiny_file, monkeypatch):
    store.load(tiny_file)
    monkeypatch.setattr(store, "COPY_ABOVE", 1000)
    tiny_networks.write_keras(home / KERAS, tiny)
    store.load(home / KERAS)
    assert not in_cache().exists()


def test_the_copy_of_a_changed_file_is_replaced(large):
    path, read = large
    store.load(path)
    other = tiny_networks.tiny_network(seed=2)
    tiny_networks.write_matconvnet(path, other)
    os.utime(path, ns=(1, 1))
    same(store.load(path), other)
    same(store.load(path), other)
    assert len(read) == 2
    the_copy()


def test_two_large_files_have_two_copies(large, home):
    path, _ = large
    store.load(path)
    other = tiny_networks.tiny_network(seed=2)
    tiny_networks.write_matconvnet(home / "other.mat", other)
    os.utime(home / "other.mat", ns=(path.stat().st_mtime_ns,) * 2)
    same(store.load(home / "other.mat"), other)


class Trap:
    """Unpickled, it makes a directory."""

    def __reduce__(self):
        return os.mkdir, ("sprung",)


def damage(copy, how):
    if how == "empty":
        copy.write_bytes(b"")
    elif how == "truncated":
        copy.write_bytes(copy.read_bytes()[:-100])
    elif how == "flipped":
        contents = bytearray(copy.read_bytes())
        contents[len(contents) // 2] ^= 1
        copy.write_bytes(contents)
    else:
        with np.load(copy) as file:
            arrays = dict(file)
        changes = {
            "not finite": {"conv1_1.bias": np.full_like(arrays["conv1_1.bias"], np.nan)},
            "misfit": {"conv1_2.kernel": np.zeros((3, 3, 5, 2), np.float32)},
            "pickled": {"conv1_1.kernel": np.array([Trap()], object)},
            "foreign": {"state": np.zeros(3)},
        }
        np.savez(copy, **{**arrays, **changes[how]})


@pytest.mark.parametrize("how", ["empty", "truncated", "flipped", "not finite", "misfit", "pickled", "foreign"])
def test_a_broken_copy_is_ignored_and_written_anew(how, large, tiny):
    path, read = large
    store.load(path)
    damage(the_copy(), how)
    same(store.load(path), tiny)
    assert len(read) == 2
    same(store.load(path), tiny)
    assert len(read) == 2
    assert not os.path.exists("sprung")


def test_a_cache_that_cannot_be_written_does_no_harm(large, home, tiny):
    path, read = large
    (home / "keras").touch()
    same(store.load(path), tiny)
    same(store.load(path), tiny)
    assert len(read) == 2


def test_a_bad_file_is_refused_as_by_weights(large, home):
    path, _ = large
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(weights.NetworkError, match="damaged or truncated"):
        store.load(path)
    with pytest.raises(weights.NetworkError, match="No such file or directory"):
        store.load(home / "missing.mat")
    assert not in_cache().exists()
