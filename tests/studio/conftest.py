"""A studio that runs, with the tiny network, and what a page asks of it."""

import http.client
import io
import json
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.helpers.command import ROOT


class Studio:
    """The command `neural-style studio` in a process."""

    def __init__(self, folder, *flags, network, directory=None):
        """directory: where the command is given."""
        self.folder = folder
        script = [sys.executable, str(ROOT / "neural_style.py"), "studio", "--port", "0", "--folder", str(folder)]
        pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.DEVNULL, "text": True}
        self.process = subprocess.Popen([*script, "--network", str(network), *flags], cwd=directory, **pipes)
        line = self.process.stderr.readline()
        found = re.search(r"http://([\d.]+):(\d+)/\S*?(?=;)", line)
        assert found, line + self.process.stderr.read()
        self.address, self.host, self.port = found[0], found[1], int(found[2])

    def ask(self, method, path, body=None, headers=None):
        """(status, the answer: JSON if it is, otherwise bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            content, kind = response.read(), response.getheader("content-type", "")
            return response.status, json.loads(content) if kind == "application/json" else content
        finally:
            connection.close()

    def upload(self, path, name=None):
        """The number of an uploaded picture."""
        status, answer = self.ask("POST", f"/api/uploads?name={name or path.name}", path.read_bytes())
        assert status == 201, answer
        return answer["number"]

    def paint(self, asked):
        status, answer = self.ask("POST", "/api/pictures", asked)
        assert status == 201, answer
        return answer["number"]

    def until(self, number, *statuses):
        """The details of a picture once it has one of these statuses."""
        end = time.monotonic() + 100
        while time.monotonic() < end:
            _, details = self.ask("GET", f"/api/pictures/{number}")
            if details["status"] in statuses:
                return details
            time.sleep(0.05)
        raise AssertionError(details)

    def stop_pictures(self):
        """Stop what waits or is being painted, so that it does not hold up the next test."""
        for picture in self.ask("GET", "/api/pictures")[1]:
            if picture["status"] in ("waiting", "starting", "painting"):
                self.ask("POST", f"/api/pictures/{picture['number']}/stop")

    def interrupt(self):
        """Ctrl-C in the terminal: (status, what was said)."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=100)
        return self.process.returncode, said

    def close(self):
        if self.process.poll() is None:
            self.interrupt()
        self.process.stderr.close()


def is_same(first, second):
    """Whether two files, bytes, are the same, or differ by rounding, as kernels are chosen by their speed."""
    if first == second:
        return True
    one, other = (Image.open(io.BytesIO(data)) for data in (first, second))
    levels = [np.asarray(picture, float) for picture in (one, other)]
    return one.format == other.format and np.abs(levels[0] - levels[1]).max() <= (1 if one.format == "PNG" else 8)


@pytest.fixture(scope="module")
def studio(tmp_path_factory, tiny_file):
    """One for the tests of a file that do not end it."""
    pytest.importorskip("uvicorn", reason="the extra studio is not installed")
    studio = Studio(tmp_path_factory.mktemp("studio") / "pictures", network=tiny_file)
    yield studio
    studio.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """The paths of a photograph and two paintings."""
    random, directory, paths = np.random.default_rng(3), tmp_path_factory.mktemp("files"), []
    for name, (width, height) in (("photo", (96, 64)), ("painting", (80, 80)), ("other", (60, 90))):
        pixels = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
        paths.append(directory / f"{name}.png")
        Image.fromarray(pixels).resize((width, height)).save(paths[-1])
    return paths


@pytest.fixture
def asked(studio, files):
    """A request of a picture in few steps."""
    content, style, _ = map(studio.upload, files)
    settings = {"iterations": "3", "long_side": 96}
    return {"content": content, "styles": [{"picture": style}], "preset": "fast", "settings": settings}
