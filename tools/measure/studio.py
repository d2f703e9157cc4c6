"""Measures how the studio's server stands a crowd: thousands of requests, dropped streams, large uploads, slow clients.

    python -m tools.measure.studio [--requests N] [--streams N] [--uploads N] [--stalled N]

Starts a studio of its own in a temporary folder, sends the requests from eight threads, and prints the answers by
status, the memory of the server's process before, at its peak and a minute after, and what it wrote to standard error.
Ends with status 1 after an answer of 500, an error that was written, or if more than 300 MB are kept.
"""

import argparse
import collections
import http.client
import io
import itertools
import json
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from tools.measure.machine import machine, table

ROOT = Path(__file__).parents[2]
MOST_KEPT = 300e6  # bytes, a minute after the last request
WRONG = b'{"content": "x", "styles": [{"picture": "x", "weight": 1%s}]}' % (b"0" * 400)
REQUESTS = (  # method, path, body
    ("GET", "/", None),
    ("GET", "/api/form", None),
    ("GET", "/api/uploads", None),
    ("GET", "/api/pictures", None),
    ("GET", "/page/studio.js", None),
    ("GET", "/api/uploads/{content}/view", None),
    ("GET", "/api/pictures/0001", None),
    ("GET", "/api/pictures/9999/current", None),
    ("GET", "/api/uploads/..%2f..%2fetc%2fpasswd/view", None),
    ("POST", "/api/pictures", b"{"),
    ("POST", "/api/pictures", b"[" * 100_000),
    ("POST", "/api/pictures", WRONG),
    ("POST", "/api/preview", b'{"content": "{content}", "styles": [{"picture": "x"}]}'),
    ("POST", "/api/estimate", b'{"content": "{content}", "styles": [{"picture": "{content}"}]}'),
    ("POST", "/api/uploads?name=x", b"no picture"),
    ("DELETE", "/api/uploads/{content}", None),
    ("DELETE", "/api/pictures/9999", None),
    ("POST", "/api/pictures/9999/stop", b""),
    ("PUT", "/api/form", b""),
)


class Server:
    """A studio that runs, its answers by status, and its greatest memory."""

    def __init__(self, folder):
        command = [sys.executable, str(ROOT / "neural_style.py"), "studio", "--port", "0", "--folder", folder]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = int(re.search(r"http://[^:]*:(\d+)/", self.process.stderr.readline())[1])
        self.answers, self.peak, self._ended = collections.Counter(), 0, threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        with suppress(psutil.Error):
            while not self._ended.wait(0.05):
                self.peak = max(self.peak, self.memory())

    def memory(self):
        """Bytes of the server's process, without those that paint."""
        return psutil.Process(self.process.pid).memory_info().rss

    def ask(self, method, path, body=None):
        """The JSON of an answer, which is counted; None if it is no JSON."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)) as connection:
            try:
                connection.request(method, path, body)
                response = connection.getresponse()
                content = response.read()
            except OSError as error:
                self.answers[type(error).__name__] += 1
                return None
            self.answers[response.status] += 1
            return json.loads(content) if response.getheader("content-type") == "application/json" else None

    def connect(self, path="", header_end="\r\n"):
        """An open connection, with the header of a request for a path, if there is one."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n{header_end}".encode())
        return connection

    def end(self):
        """End the server as Ctrl-C does; returns what it wrote."""
        self._ended.set()
        self.process.send_signal(2)
        return self.process.communicate(timeout=120)[1].splitlines()


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Measure how the studio's server stands a crowd.")
    for name, count in (("requests", 2000), ("streams", 300), ("uploads", 30), ("stalled", 60)):
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--seconds", type=float, default=60, help="before the memory that is kept is read")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            rows = [("start", "", "", f"{server.memory() / 1e6:.0f}", "")]
            for name in ("requests", "streams", "uploads", "stalled"):
                rows.append(measured(server, name, getattr(options, name)))
            time.sleep(options.seconds)
            kept = server.memory()
            rows.append((f"{options.seconds:.0f} s later", "", "", f"{kept / 1e6:.0f}", ""))
        finally:
            written = server.end()
    print(f"Measured on {machine()}.\n")
    print(table(("", "number", "seconds", "MB", "answers"), rows))
    print(f"\nAt most {server.peak / 1e6:.0f} MB. Written to standard error: {'; '.join(written)}")
    is_right = not server.answers[500] and written == ["neural_style: the studio has ended"] and kept < MOST_KEPT
    return 0 if is_right else 1


def measured(server, name, count):
    """A row about one kind of load."""
    before, began = server.answers.copy(), time.monotonic()
    LOADS[name](server, count)
    seconds, answers = time.monotonic() - began, server.answers - before
    listed = ", ".join(f"{number} x {status}" for status, number in sorted(answers.items(), key=str))
    return name, str(count), f"{seconds:.1f}", f"{server.memory() / 1e6:.0f}", listed


def send_requests(server, count):
    """Send requests of all kinds, right and wrong."""
    content = server.ask("POST", "/api/uploads?name=photo.jpg", jpeg(0, 90, 60))["number"]

    def send(request):
        method, path, body = request
        body = body and body.replace(b"{content}", content.encode())
        server.ask(method, path.replace("{content}", content) if method == "GET" else path, body)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, itertools.islice(itertools.cycle(REQUESTS), count)))


def drop_streams(server, count):
    """Open streams of events, and drop each of them after its first event."""

    def drop(index):
        with closing(server.connect("/api/events")) as stream:
            status = int(stream.recv(10_000).split()[1])
        server.answers[status] += 1

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(drop, range(count)))


def send_uploads(server, count):
    """Upload photographs of 8 MB, and delete them."""

    def send(index):
        made = server.ask("POST", f"/api/uploads?name={index}.jpg", jpeg(index, 4000, 3000))
        if made and "number" in made:
            server.ask("DELETE", f"/api/uploads/{made['number']}")

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, range(count)))


def stall(server, count):
    """Ask for the page while half-sent headers and stalled uploads are open."""
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(closing(server.connect("/", header_end="")))
            stack.enter_context(closing(server.connect("/api/uploads", header_end="Content-Length: 99\r\n\r\n")))
        server.ask("GET", "/")
        server.ask("POST", "/api/uploads?name=honest.jpg", jpeg(0, 90, 61))


def jpeg(seed, width, height):
    """A JPEG file with noise: 8 MB at 4000x3000."""
    pixels, file = np.random.default_rng(seed).integers(0, 256, (height // 2, width // 2, 3)), io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).resize((width, height)).save(file, "JPEG", quality=90)
    return file.getvalue()


LOADS = {"requests": send_requests, "streams": drop_streams, "uploads": send_uploads, "stalled": stall}

if __name__ == "__main__":
    sys.exit(main())
