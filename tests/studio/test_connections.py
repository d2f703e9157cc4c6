"""Connections: time limits for clients that send or read nothing, and an end without errors."""

import asyncio
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

pytest.importorskip("uvicorn", reason="the extra studio is not installed")

from starlette.requests import Request

from brushwork.studio import connections
from brushwork.studio.refusals import Refused
from tests.studio.conftest import Studio

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


@pytest.fixture
def quick(monkeypatch):
    """Time limits that a test can wait for."""
    for name in ("HEADER_SECONDS", "READING_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(connections, name, 0.2)


async def application(scope, receive, send):
    """Answers a request with a long text, once its body is there."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    request = Request(scope, receive)
    try:
        async for _ in connections.body(request, 1000):
            pass
        status, text = 200, b"x" * 20_000_000 if scope["path"] == "/long" else b"short"
    except Refused as error:
        status, text = error.status, str(error).encode()
    await send({"type": "http.response.start", "status": status, "headers": [(b"x-status", b"%d" % status)]})
    await send({"type": "http.response.body", "body": text})


def serve(client):
    """Run a server while client(connect) runs in a thread; returns what that returns. connect(): a socket."""

    async def both():
        with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as sockets:
            server = connections.Server(application, ending=lambda: None)
            task = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)

            def connect():
                return sockets.enter_context(closing(socket.create_connection(listening.getsockname(), timeout=60)))

            try:
                return await asyncio.to_thread(client, connect)
            finally:
                server.should_exit = True
                await task

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may keep a loop in this one
        return thread.submit(asyncio.run, both()).result()


def read_all(connection):
    """What is received until the connection ends."""
    received = b""
    with suppress(ConnectionError):
        while part := connection.recv(1 << 20):
            received += part
    return received


def asking(sent):
    """A client that sends this, and returns all that is answered."""

    def client(connect):
        connection = connect()
        connection.sendall(sent)
        return read_all(connection)

    return client


GET = b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /short HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "answers"),
    [(b"", 0), (b"GET / HTT", 0), (GET[:-2], 0), (GET + b"GET /", 1), (GET + LAST, 2), (LAST, 1)],
    ids=str,
)
def test_half_a_header_ends_its_connection(quick, sent, answers):
    assert serve(asking(sent)).count(b"200 OK") == answers


def test_connections_without_a_request_keep_nobody_out(monkeypatch):
    monkeypatch.setattr(connections, "MOST_WITHOUT_REQUEST", 3)

    def client(connect):
        held = [connect() for _ in range(6)]
        for connection in held:
            connection.sendall(GET[:10])
        return asking(LAST)(connect), [read_all(connection) for connection in held[:3]]

    answer, ended = serve(client)
    assert b"short" in answer
    assert ended == [b""] * 3  # the oldest were closed at once: HEADER_SECONDS are not over


@pytest.mark.parametrize(
    ("body", "length", "status"),
    [(b"x" * 10, 10, 200), (b"x" * 10, 11, 408), (b"", 5, 408), (b"", 2000, 413)],
)
def test_a_body_has_to_arrive(quick, body, length, status):
    header = b"POST /short HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % length
    assert b"x-status: %d\r\n" % status in serve(asking(header + body))


def test_a_body_that_drips_is_refused(monkeypatch):
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.5)

    def client(connect):
        connection = connect()
        connection.sendall(b"POST /short HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n")
        connection.settimeout(0.1)
        for _ in range(600):  # a byte every 0.1 s
            with suppress(ConnectionError):
                connection.sendall(b"x")
            with suppress(TimeoutError):
                return connection.recv(100)
        return b""

    assert serve(client).startswith(b"HTTP/1.1 408")


def test_a_client_that_reads_nothing_is_cut_off(quick):
    def client(connect):
        connection = connect()
        connection.sendall(GET.replace(b"short", b"long"))
        time.sleep(1)
        return len(read_all(connection))

    assert serve(client) < 20_000_000


@pytest.mark.exhaustive
def test_stalled_uploads_do_not_delay_an_honest_one(studio, files):
    header = f"POST /api/uploads?name=x HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\nContent-Length: 9000\r\n\r\nx"
    with ExitStack() as stack:
        for _ in range(60):
            stalled = stack.enter_context(closing(socket.create_connection(("127.0.0.1", studio.port))))
            stalled.sendall(header.encode())
        began = time.monotonic()
        assert studio.upload(files[0])
        assert time.monotonic() - began < connections.SILENT_SECONDS


@pytest.mark.exhaustive
def test_ctrl_c_with_pages_open_says_only_what_was_saved(tmp_path, tiny_file, files):
    studio = Studio(tmp_path / "pictures", network=tiny_file)
    with ExitStack() as stack:
        stack.callback(studio.close)
        content, style = studio.upload(files[0]), studio.upload(files[1])
        asked = {"content": content, "styles": [{"picture": style}], "preset": "fast"}
        number = studio.paint(asked | {"settings": {"iterations": "100000", "optimizer": "adam"}})
        studio.until(number, "painting")
        pages = []
        for path in ("/api/events", "/api/events", f"/api/pictures/{number}", "/api/preview"):
            text = json.dumps(asked) if path == "/api/preview" else ""
            header = f"{'POST' if text else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{studio.port}\r\n"
            pages.append(stack.enter_context(closing(socket.create_connection(("127.0.0.1", studio.port), timeout=60))))
            pages[-1].sendall(f"{header}Content-Length: {len(text)}\r\n\r\n{text}".encode())
        received = b""
        while b"data: {" not in received:
            received += pages[0].recv(100_000)
        status, said = studio.interrupt()
        assert status == 0
        (line,) = said.splitlines()
        assert line.startswith("neural_style: wrote "), line
        assert b'data: {"ended": true}' in read_all(pages[1])
