"""What is seen of a run: the bar, the lines, TensorBoard, the contact sheet."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import images
import progress
from objective import Objective
from settings import Settings

FLAGS = "--content content.png --styles style.png --output out.png --network net.mat --overwrite"


def on_a_terminal(server, *arguments):
    """Runs the command with standard error on a terminal: (status, standard output, what the terminal got)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    seen = []

    def read():
        with suppress(OSError):  # the other end is closed
            while part := os.read(master, 4096):
                seen.append(part)

    reader = threading.Thread(target=read)
    reader.start()
    status = server.start(*FLAGS.split(), *arguments, out="out.txt", err=os.ttyname(slave)).wait()
    os.close(slave)
    reader.join()
    os.close(master)
    return status, Path("out.txt").read_text(), b"".join(seen).decode()


def test_a_bar_on_a_terminal(server, folder):
    status, out, seen = on_a_terminal(server, "--iterations", "40", "--print-iterations", "20")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == ["0/40", "20/40", "40/40"]
    assert "\r" in seen
    assert re.search(r"\d+% .* \d+/40 .*(s/it|it/s), \d\d:\d\d left, total loss \d", seen)
    assert "neural_style: wrote out.png" in seen.splitlines()[-1]


def test_no_control_characters_in_a_pipe(command, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    status, out, err = command("--print-iterations", 2, "--scales", 2, "--iterations", 4)
    assert status == 0
    assert all(line.startswith("Iteration") for line in out.splitlines())
    assert all(character.isprintable() or character == "\n" for character in out + err)
    line = r"scale (\d), iteration (\d) of 6, total loss [\d.e+]+, \d+\.\d\d s each, \d+ s left( at this scale)?"
    found = re.findall(line, err)
    assert found == [("1", str(n), " at this scale") for n in range(1, 5)] + [("2", "6", "")]


def test_lines_are_few(command):
    _, _, err = command(iterations=5)
    assert "iteration" not in err
    _, _, err = command("--verbose", iterations=5, output="b.png")
    assert len(re.findall(r"content loss .* style loss .* tv loss .* total loss", err)) == 5


def test_quiet(command):
    assert command("--quiet", "--print-iterations", 1, iterations=1)[2] == ""
    status, out, err = command("--quiet", iterations=1)
    assert (status, out) == (1, "")
    assert err.startswith("neural_style: error: out.png exists")


def events(directory):
    (path,) = Path(directory).glob("events*")
    return list(tf.train.summary_iterator(str(path)))


def test_tensorboard_has_losses_layers_pictures_and_the_graph(command):
    flags = ["--tensorboard", "logs", "--checkpoint-output", "c{}.png", "--checkpoint-iterations", 2]
    status, out, err = command(*flags, "--print-iterations", 1, "--content-weight-blend", 0.5, iterations=5)
    assert status == 0, err
    scalars, pictures = {}, {}
    for event in events("logs"):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                scalars.setdefault(value.tag, {})[event.step] = value.simple_value
            else:
                pictures[event.step] = value.image
    printed = re.findall(r"Iteration +(\d+)/5 .* total loss: (\S+)", out)
    assert {step: pytest.approx(value, rel=1e-5) for step, value in scalars["loss/total"].items()} == {
        int(step): float(total) for step, total in printed
    }
    layers = [tag for tag in scalars if not tag.startswith("loss/")]
    assert layers == ["content/relu4_2", "content/relu5_2", *(f"style/relu{block}_1" for block in range(1, 6))]
    for kind in ("content", "style"):
        parts = sum(scalars[tag][3] for tag in layers if tag.startswith(kind))
        assert parts == pytest.approx(scalars[f"loss/{kind}"][3], rel=1e-5)
    assert sorted(pictures) == [0, 2, 4, 5]
    Path("last.png").write_bytes(pictures[5].encoded_image_string)
    np.testing.assert_array_equal(images.read("last.png"), images.read("out.png"))
    assert any(event.graph_def for event in events("logs"))


def test_losses_of_layers_with_two_styles_are_those_of_the_sum(tiny, random):
    content, one, two, image = random.uniform(0, 255, (4, 20, 24, 3)).astype(np.float32)
    with Objective(tiny, Settings(style_blend_weights=(1, 3))) as objective:
        objective.aim(content, [one, two])
        losses, _ = objective.evaluate(image)
    assert losses["style"] == pytest.approx(sum(value for name, value in losses.items() if name.startswith("style/")))


def test_logs_that_cannot_be_written_do_not_end_the_run(command):
    Path("logs").write_text("a file")
    status, _, err = command("--tensorboard", "logs")
    assert status == 1
    assert "cannot write to logs: it is not a directory" in err


@pytest.mark.slow
def test_tensorboard_shows_the_run(command):
    assert command("--tensorboard", "logs", iterations=3)[0] == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "tensorboard.main", "--logdir", "logs", "--host", "127.0.0.1", "--port", "16006"],
        stderr=subprocess.PIPE,
    )
    try:
        for _ in range(60):
            time.sleep(1)
            try:
                address = "http://127.0.0.1:16006/data/plugin/scalars/tags"
                with urllib.request.urlopen(address) as answer:
                    text = answer.read().decode()
                if "loss/total" in text:
                    break
            except OSError:
                pass
        assert "loss/total" in text
        assert "style/relu1_1" in text
    finally:
        process.terminate()
        process.communicate()


def test_the_contact_sheet(command):
    status, _, err = command("--styles", "style.png", "other.png", "--contact-sheet", "sheet.png", iterations=10)
    assert status == 0, err
    assert "wrote sheet.png" in err
    sheet = images.read("sheet.png")
    assert sheet.shape[1] > 4 * 240
    thumbnail = images.resample(images.read("content.png"), 240, 320)
    np.testing.assert_allclose(sheet[12:252, 12:332], np.clip(thumbnail, 0, 255), atol=1)
    assert (sheet[256:270, 12:120] < 128).any()  # the caption
    # content, two styles, four on the way and the result: two rows of four
    assert sheet.shape[0] == 2 * (240 + 22 + 12) + 12


def test_a_contact_sheet_of_a_short_run(command):
    assert command("--contact-sheet", "sheet.jpg", iterations=0)[0] == 0
    assert images.read("sheet.jpg").shape[0] == 240 + 22 + 24
    status, _, err = command("--contact-sheet", "sheet.xyz", output="b.png")
    assert (status, "cannot write sheet.xyz: unknown picture format" in err) == (1, True)
