"""The server: what a page asks for, and what other pages, mangled files and slow clients cannot do."""

import http.client
import io
import json
import os
import shlex
import socket
import struct
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

import neural_style
from brushwork.engine import limits
from brushwork.errors import DoesNotFit
from brushwork.pictures import metadata
from brushwork.studio import command
from tests.helpers.command import ROOT
from tests.studio.conftest import Studio, is_same

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def png_header(width, height):
    """A PNG file that claims to be of this size."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 1_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.exhaustive
def test_a_picture_is_painted_and_saved_in_three_formats(studio, asked):
    details = studio.until(studio.paint(asked), "done", "failed")
    assert (details["status"], details["kinds"]) == ("done", [".png", ".jpg", ".tif"]), details
    assert details["title"] == "photo in the style of painting"
    assert details["curve"][0][0] == 0
    number = details["number"]
    for kind, mode in (("png", "PNG"), ("jpg", "JPEG"), ("tif", "TIFF")):
        status, data = studio.ask("GET", f"/api/pictures/{number}/picture.{kind}?download")
        assert status == 200
        opened = Image.open(io.BytesIO(data))
        assert (opened.format, opened.size) == (mode, (96, 64))
        path = studio.folder.parent / f"saved.{kind}"
        path.write_bytes(data)
        assert "--iterations" in metadata.read(path)["flags"]
    import tifffile

    assert tifffile.imread(studio.folder.parent / "saved.tif").dtype == np.uint16
    assert not list(studio.folder.glob(f"{number}*.state"))


@pytest.mark.exhaustive
@pytest.mark.numerical  # it computes as the studio does
def test_the_copied_command_makes_the_same_file(studio, asked, tmp_path, monkeypatch):
    details = studio.until(studio.paint(asked), "done", "failed")
    command = shlex.split(details["command"])
    monkeypatch.chdir(tmp_path)
    assert neural_style.main([*command[1:], "--quiet"]) == 0
    (made,) = tmp_path.glob("*.png")
    assert is_same(made.read_bytes(), studio.ask("GET", f"/api/pictures/{details['number']}/picture.png")[1])
    jpeg = [*command[1:-1], "x.jpg"]
    assert neural_style.main([*jpeg, "--quiet"]) == 0
    assert is_same(Path("x.jpg").read_bytes(), studio.ask("GET", f"/api/pictures/{details['number']}/picture.jpg")[1])


def test_stop_and_continue(studio, asked):
    asked["settings"] |= {"iterations": "100000", "optimizer": "adam"}
    number = studio.paint(asked)
    studio.until(number, "painting")
    time.sleep(0.5)
    assert studio.ask("POST", f"/api/pictures/{number}/stop")[0] == 200
    stopped = studio.until(number, "stopped", "failed")
    assert (stopped["status"], stopped["resumable"]) == ("stopped", True), stopped
    assert ".png" in stopped["kinds"]
    assert studio.ask("POST", f"/api/pictures/{number}/continue")[0] == 200
    studio.until(number, "painting")
    time.sleep(0.5)
    studio.ask("POST", f"/api/pictures/{number}/stop")
    again = studio.until(number, "stopped", "failed")
    assert again["curve"][-1][0] > stopped["curve"][-1][0]
    assert studio.ask("DELETE", f"/api/pictures/{number}")[0] == 200
    assert studio.ask("GET", f"/api/pictures/{number}")[0] == 404
    assert not list(studio.folder.rglob(f"{number}-*"))


@pytest.mark.exhaustive
def test_stopping_what_has_not_begun(studio, asked):
    number = studio.paint(asked)
    studio.ask("POST", f"/api/pictures/{number}/stop")
    details = studio.until(number, "failed", "removed", "done", "stopped")
    assert details["status"] in ("failed", "removed") or ".png" in details["kinds"]
    studio.until(studio.paint(asked), "done")


@pytest.mark.exhaustive
def test_a_queue(studio, asked):
    slow = asked | {"settings": asked["settings"] | {"iterations": "100000", "optimizer": "adam"}}
    first, second, third = studio.paint(slow), studio.paint(asked), studio.paint(asked)
    studio.until(first, "painting")
    assert studio.until(second, "waiting", "painting", "done")["status"] == "waiting"
    assert studio.ask("DELETE", f"/api/pictures/{first}")[1]["error"] == "stop it first"
    studio.ask("POST", f"/api/pictures/{third}/stop")
    assert studio.until(third, "removed")["messages"] == [{"level": "info", "text": "removed from the queue"}]
    studio.ask("POST", f"/api/pictures/{first}/stop")
    studio.until(first, "stopped")
    studio.until(second, "done")


def test_a_run_that_fails_says_why(studio, asked):
    asked["settings"] |= {"learning_rate": "1e30", "optimizer": "adam", "iterations": "50"}
    details = studio.until(studio.paint(asked), "done", "failed")
    assert details["status"] == "failed"
    assert any(each["level"] == "error" and "the loss is not finite" in each["text"] for each in details["messages"])


def test_a_preview(studio, asked):
    status, picture = studio.ask("POST", "/api/preview", asked)
    assert status == 200
    assert Image.open(io.BytesIO(picture)).size == (96, 64)


@pytest.mark.exhaustive
def test_events_bring_the_newest_and_never_a_backlog(studio, asked):
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    connection.request("GET", "/api/events")
    response = connection.getresponse()
    assert response.getheader("content-type").startswith("text/event-stream")

    def news():
        line = response.fp.readline()
        assert response.fp.readline() == b"\n"
        return json.loads(line.removeprefix(b"data: "))

    response.chunked = False  # the lines of chunk lengths are skipped by hand
    first = None
    while first is None:
        line = response.fp.readline()
        first = json.loads(line[6:]) if line.startswith(b"data: ") else None
    assert isinstance(first["pictures"], list)
    asked["settings"] |= {"iterations": "500", "optimizer": "adam"}
    number, seen = studio.paint(asked), []
    while True:
        line = response.fp.readline()
        if line.startswith(b"data: "):
            current = json.loads(line[6:])["running"]
            if current and current["number"] == number and "iteration" in current:
                seen.append((current["iteration"], current["version"]))
            if seen and not current:
                break
    connection.close()
    assert seen == sorted(seen)
    assert len(seen) > 1
    assert len({version for _, version in seen}) < 100  # of 501 steps


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/pictures/9999", None, 404),
        ("POST", "/api/pictures/9999/stop", None, 404),
        ("GET", "/api/pictures/..%2f..%2fetc/picture.png", None, 404),
        ("GET", "/api/uploads/..%2f..%2f..%2fetc%2fpasswd/view", None, 404),
        ("GET", "/api/uploads/../../etc/passwd", None, 404),
        ("GET", "/page/../server.py", None, 404),
        ("GET", "/page/%2e%2e/server.py", None, 404),
        ("GET", "/page//etc/passwd", None, 404),
        ("POST", "/api/pictures", b"{", 400),
        ("POST", "/api/pictures", b"[]", 400),
        ("POST", "/api/pictures", b"null", 400),
        ("POST", "/api/pictures", b'{"content": "x", "styles": [{"picture": 3}]}', 400),
        ("POST", "/api/pictures", b'{"content": "/etc/passwd", "styles": [{"picture": "x"}]}', 404),
        ("POST", "/api/preview", b'{"content": "x", "styles": []}', 400),
        ("POST", "/api/preview", b'{"content": "x", "styles": [{"picture": "x", "weight": NaN}]}', 400),
        ("POST", "/api/preview", b'{"content": "x", "styles": [{"picture": "x", "weight": {}}]}', 400),
        ("POST", "/api/preview", b'{"content": "x", "styles": [{"picture": "x"}], "settings": {"colors": []}}', 400),
        ("POST", "/api/pictures", b'{"content": "x", "styles": [{"picture": "x"}], "preset": []}', 400),
        ("POST", "/api/pictures", b"[" * 100_000, 400),
        ("POST", "/api/pictures", b" " * 300_000, 413),
        ("PUT", "/api/pictures", b"", 405),
        ("POST", "/api/uploads?name=x", b"", 422),
        ("POST", "/api/uploads?name=x&role=king", b"", 400),
        ("POST", "/api/uploads/9999", b'{"role": "style"}', 404),
        ("POST", "/api/uploads/9999", b"[]", 400),
        ("DELETE", "/api/uploads/9999", None, 404),
        ("DELETE", "/api/uploads/..%2f..%2fetc", None, 404),
        ("GET", "/api/nothing", None, 404),
    ],
    ids=lambda value: str(value)[:80],
)
def test_what_cannot_be_asked(studio, method, path, body, status):
    code, answer = studio.ask(method, path, body)
    assert code == status, answer
    if path.startswith("/api"):
        assert answer["errors"][0]["sentence"] == answer["error"]
    assert b"root:" not in (answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def test_a_foreign_page_is_not_answered(studio, files):
    for headers, status in (({"Origin": "http://evil.example"}, 403), ({"Host": "evil.example"}, 421)):
        assert studio.ask("POST", "/api/uploads?name=x", files[0].read_bytes(), headers)[0] == status
        assert studio.ask("GET", "/api/uploads", None, headers)[0] == status


def mangled(data, count, seed):
    """Yields `count` damaged copies of a file: cut short, with bytes changed, or with a part of it repeated."""
    random = np.random.default_rng(seed)
    for index in range(count):
        copy = bytearray(data)
        if index % 3 == 0:
            del copy[random.integers(1, len(copy)) :]
        elif index % 3 == 1:
            for place in random.integers(8, len(copy), 20):
                copy[place] = random.integers(256)
        else:
            at = int(random.integers(8, len(copy)))
            copy[at:at] = copy[:at]
        yield bytes(copy)


def test_mangled_uploads_are_refused_or_read(studio, files):
    jpeg = io.BytesIO()
    Image.open(files[0]).save(jpeg, "JPEG")
    for seed, data in enumerate((files[0].read_bytes(), jpeg.getvalue())):
        for copy in mangled(data, 25, seed):
            status, answer = studio.ask("POST", "/api/uploads?name=mangled.png", copy)
            assert status in (201, 422), answer
            assert status == 201 or answer["error"].startswith("cannot read mangled: "), answer
    assert not list(studio.folder.rglob("*.part"))


@pytest.mark.exhaustive
def test_bombs_and_floods_are_refused_and_the_run_goes_on(studio, asked):
    server = psutil.Process(studio.process.pid)
    asked["settings"] |= {"iterations": "100000", "optimizer": "adam"}
    number = studio.paint(asked)
    studio.until(number, "painting")
    status, answer = studio.ask("POST", "/api/uploads?name=bomb.png", png_header(20_000, 20_000))
    assert status == 422
    assert "cannot read bomb: " in answer["error"]
    status, answer = studio.ask("POST", "/api/uploads?name=big", b"x", {"Content-Length": "99000000"})
    assert (status, answer["error"]) == (413, "this is too long; at most 64 MB are possible")

    file = io.BytesIO()
    random = np.random.default_rng(5)
    Image.fromarray(random.integers(0, 256, (1500, 1500, 3)).astype(np.uint8)).save(file, "PNG")
    answers, before = [], server.memory_info().rss
    peak = [before]

    def send():
        answers.append(studio.ask("POST", "/api/uploads?name=flood.png", file.getvalue())[0])

    threads = [threading.Thread(target=send) for _ in range(30)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        peak.append(server.memory_info().rss)
        time.sleep(0.02)
    assert set(answers) <= {201, 429}
    assert 201 in answers
    assert max(peak) - before < 400e6  # of one picture at a time: 27 MB as float32, and its copies

    # A client that asks for events and never reads them.
    idle = socket.create_connection(("127.0.0.1", studio.port))
    idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    idle.sendall(f"GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\n\r\n".encode())
    before, end, versions = server.memory_info().rss, time.monotonic() + 60, set()
    while len(versions) < 2 and time.monotonic() < end:
        versions.add(studio.ask("GET", f"/api/pictures/{number}")[1]["version"])
        time.sleep(0.1)
    assert len(versions) == 2  # the run goes on
    assert server.memory_info().rss - before < 50e6
    idle.close()
    studio.ask("POST", f"/api/pictures/{number}/stop")
    assert studio.until(number, "stopped", "failed")["status"] == "stopped"


@pytest.fixture(scope="module")
def second_studio(tmp_path_factory, tiny_file):
    """A studio in a folder with damaged records, somebody's picture and another program; a test may end it."""
    folder = tmp_path_factory.mktemp("second") / "pictures"
    records = folder / ".studio/pictures"
    records.mkdir(parents=True)
    for name, text in (("0009", "{}"), ("0010", "["), ("0011", "7"), ("0012", '{"number": "0012"}')):
        (records / f"{name}.json").write_text(text)
    (folder / "0040-photo-painting.png").write_bytes(b"somebody's")
    (folder / "brushwork/run").mkdir(parents=True)
    for name in ("__init__", "run/__init__", "run/preload"):
        (folder / f"brushwork/{name}.py").write_text("raise SystemError('another program')\n")
    studio = Studio(folder, network=tiny_file, directory=folder)
    yield studio
    studio.close()


@pytest.mark.exhaustive
def test_a_folder_with_damaged_records_and_files_of_others(second_studio, files):
    studio = second_studio
    content, style = studio.upload(files[0]), studio.upload(files[1])
    asked = {"content": content, "styles": [{"picture": style}], "preset": "fast", "settings": {"iterations": 2}}
    number = studio.paint(asked)
    assert number == "0041"
    studio.until(number, "done")
    if sys.platform == "linux":  # workers are forked from one that has TensorFlow
        maps = {map.path for child in psutil.Process(studio.process.pid).children() for map in child.memory_maps()}
        assert any("tensorflow" in path for path in maps)
    studio.ask("DELETE", f"/api/pictures/{number}")
    assert (studio.folder / "0040-photo-painting.png").read_bytes() == b"somebody's"


@pytest.mark.exhaustive
def test_ctrl_c_saves_the_picture_and_the_next_server_finds_it(second_studio, tiny_file, files):
    studio, folder = second_studio, second_studio.folder
    content, style = studio.upload(files[0]), studio.upload(files[1])
    settings = {"iterations": "100000", "optimizer": "adam"}
    number = studio.paint({"content": content, "styles": [{"picture": style}], "preset": "fast", "settings": settings})
    studio.until(number, "painting")
    children = psutil.Process(studio.process.pid).children(recursive=True)
    status, said = studio.interrupt()
    (picture,) = folder.glob(f"{number}-*.png")
    assert (status, said.count("Traceback")) == (0, 0), said
    assert f"wrote {picture}" in said
    assert psutil.wait_procs(children, timeout=20)[1] == []
    again = Studio(folder, network=tiny_file)
    try:
        details = again.ask("GET", f"/api/pictures/{number}")[1]
        assert (details["status"], details["resumable"]) == ("stopped", True)
        assert again.ask("POST", f"/api/pictures/{number}/continue")[0] == 200
        again.until(number, "painting")
    finally:
        again.close()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--port 99999", "--port must be between 0 and 65535, not 99999"),
        ("--host 0.0.0.0", "--host lets other machines in; give --token with a secret of your own too"),
        ("--token short", "--token must be at least 12 letters and digits"),
        ("--network none.mat", "cannot read none.mat: there is no such file"),
        ("--prot 8000", "unrecognized arguments: --prot 8000; did you mean --port?"),
    ],
)
def test_bad_usage(flags, sentence, capfd):
    try:
        status = neural_style.main(["studio", *flags.split()])
    except SystemExit as stop:
        status = stop.code
    assert status == (1 if "network" in flags else 2)
    assert capfd.readouterr().err == f"neural_style: error: {sentence}\n"


def test_a_folder_that_another_studio_uses(studio, capfd):
    assert neural_style.main(["studio", "--port", "0", "--folder", str(studio.folder)]) == 1
    error = f"another studio uses {studio.folder}; give --folder another directory"
    assert capfd.readouterr().err == f"neural_style: error: {error}\n"


def test_without_its_packages(monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert neural_style.main(["studio"]) == 1
    assert f"the studio needs uvicorn: python -m pip install '{ROOT}[studio]'\n" in capfd.readouterr().err


def test_a_folder_that_cannot_be(capfd, tmp_path):
    (tmp_path / "file").write_text("x")
    assert neural_style.main(["studio", "--port", "0", "--folder", os.fspath(tmp_path / "file")]) == 1
    assert f"error: cannot write to {tmp_path / 'file'}: " in capfd.readouterr().err


def test_a_studio_whose_processes_would_not_fit_does_not_start(monkeypatch, tmp_path):
    monkeypatch.setattr(limits, "_shell_limits", lambda: iter([(1e8, "of 2.0 are left by ulimit -v")]))
    with pytest.raises(DoesNotFit, match="raise that limit"):
        command.main(["--port", "0", "--folder", str(tmp_path / "studio")])
    assert not (tmp_path / "studio").exists()


def test_uploads_have_names_and_roles_and_are_deleted(studio, files):
    data = io.BytesIO()
    Image.open(files[0]).rotate(90).save(data, "PNG")
    status, made = studio.ask("POST", "/api/uploads?name=K%C3%B6ln%20(1).jpg&role=content", data.getvalue())
    assert (status, made["name"], made["roles"], made["deletable"]) == (201, "K\u00f6ln (1)", ["content"], True)
    one = f"/api/uploads/{made['number']}"
    assert studio.ask("POST", one, {"role": "style"})[1]["roles"] == ["content", "style"]
    assert made["number"] in {each["number"] for each in studio.ask("GET", "/api/uploads")[1]}
    assert studio.ask("DELETE", one) == (200, {})
    assert studio.ask("GET", f"{one}/view")[0] == 404
    chelsea = next(each for each in studio.ask("GET", "/api/uploads")[1] if each["name"] == "Chelsea")
    assert (chelsea["roles"], chelsea["credit"]["licence"], chelsea["deletable"]) == (["content"], "CC0", False)
    status, answer = studio.ask("DELETE", f"/api/uploads/{chelsea['number']}")
    assert (status, answer["error"]) == (422, "Chelsea is an example, which cannot be deleted")


def test_an_empty_mask_is_told_at_once(studio, asked):
    data = io.BytesIO()
    Image.new("L", (96, 64)).save(data, "PNG")
    status, made = studio.ask("POST", "/api/uploads?name=mask.png&role=mask", data.getvalue())
    assert (status, made["is_empty"]) == (201, True)
    asked["styles"][0]["mask"] = made["number"]
    for path in ("/api/pictures", "/api/preview"):
        status, answer = studio.ask("POST", path, asked)
        sentence = "the mask of painting is empty; draw where it applies"
        assert (status, answer["errors"]) == (422, [{"sentence": sentence, "fields": [], "styles": [0]}])


@pytest.mark.parametrize("weight", ["1" + "0" * 400, "1e999", "-1", "1" + "0" * 5000])
def test_numbers_that_are_no_weights_are_refused(studio, asked, weight):
    text = json.dumps(asked).replace('{"picture"', f'{{"weight": {weight}, "picture"', 1)
    status, answer = studio.ask("POST", "/api/pictures", text.encode())
    assert status in (400, 422), answer


def test_a_refusal_is_a_page_for_a_person(studio):
    headers = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Dest": "document"}
    for path, host, sentence in (
        ("/nothing", None, "There is no such page."),
        ("/", "evil.example", "This server answers to 127.0.0.1 and [::1] and localhost only."),
    ):
        status, page = studio.ask("GET", path, None, headers | ({"Host": host} if host else {}))
        assert status in (404, 421)
        assert page.startswith(b"<!DOCTYPE html>")
        assert f"<p>{sentence}</p>" in page.decode()
