"""TensorBoard's files, read back."""

import io
import re
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from PIL import Image

from brushwork import messages
from brushwork.pictures import read
from brushwork.watch import tensorboard
from tests.watch.steps import NAMES, iterations, losses_at, make_step, run


def events(directory):
    """(scalars: tag -> {step: value}, pictures: step -> image message, whether there is a graph)."""
    scalars, pictures, graph = {}, {}, False
    (path,) = Path(directory).glob("events*")
    for event in tf.train.summary_iterator(str(path)):
        graph = graph or bool(event.graph_def)
        for value in event.summary.value:
            if value.HasField("simple_value"):
                scalars.setdefault(value.tag, {})[event.step] = value.simple_value
            else:
                assert value.tag == "picture"
                pictures[event.step] = value.image
    return scalars, pictures, graph


def written(steps, directory, *, every=2, last=5, graph=None):
    return tensorboard.write_events(steps, str(directory), graph, every=every, last=last)


def test_losses_of_every_iteration(tmp_path):
    assert iterations(written(run(ends=(5,)), tmp_path)) == list(range(6))
    scalars, _, graph = events(tmp_path)
    expected = {f"loss/{name}": {iteration: losses_at(iteration)[name] for iteration in range(6)} for name in NAMES}
    assert scalars == expected | {"style/relu1_1": dict.fromkeys(range(6), 7)}
    assert not graph


def test_losses_of_layers_have_their_own_names(tmp_path):
    step = make_step(3)
    step.losses = {"content": 2.0, "content/relu4_2": 0.5, "style/relu1_1": 0.25}
    list(written(iter_of(step), tmp_path))
    assert events(tmp_path)[0] == {
        "loss/content": {3: 2.0}, "content/relu4_2": {3: 0.5}, "style/relu1_1": {3: 0.25}
    }  # fmt: skip


def iter_of(*steps):
    yield from steps


@pytest.mark.parametrize(("every", "last", "shown"), [(2, 5, [0, 2, 4, 5]), (9, 3, [0, 3])])
def test_pictures_now_and_then(tmp_path, every, last, shown):
    list(written(run(ends=(last,)), tmp_path, every=every, last=last))
    pictures = events(tmp_path)[1]
    assert sorted(pictures) == shown
    for iteration, picture in pictures.items():
        assert (picture.height, picture.width, picture.colorspace) == (12, 18, 3)
        with Image.open(io.BytesIO(picture.encoded_image_string)) as decoded:
            np.testing.assert_array_equal(decoded, np.full((12, 18, 3), iteration))


def test_a_picture_can_be_seen_while_the_run_goes_on(tmp_path):
    for step in written(run(ends=(5,)), tmp_path):
        if step.iteration % 2 == 0:
            scalars, pictures, _ = events(tmp_path)
            assert (max(pictures), len(scalars["loss/total"])) == (step.iteration, step.iteration + 1)


def test_a_picture_is_clipped_and_rounded(tmp_path):
    step = make_step(0)
    step.picture = lambda: np.array([[[-20.0, 300.0, 7.6]]], np.float32)
    list(written(iter_of(step), tmp_path))
    with Image.open(io.BytesIO(events(tmp_path)[1][0].encoded_image_string)) as decoded:
        assert np.asarray(decoded).tolist() == [[[0, 255, 8]]]


def test_the_graph(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.constant(1, name="here")
    list(written(run(ends=(1,)), tmp_path, graph=graph))
    assert events(tmp_path)[2]


def test_a_directory_that_cannot_be_written_to_is_reported_and_the_run_goes_on(tmp_path, logged):
    (tmp_path / "file").write_text("")
    directory = tmp_path / "file" / "logs"
    assert iterations(written(run(ends=(3,)), directory)) == [0, 1, 2, 3]
    ((level, sentence),) = logged
    assert level == "error"
    assert sentence.startswith(f"cannot write to {directory}: ")
    assert sentence.endswith("; going on")


def test_a_disk_that_is_full_later_is_reported_once_and_the_run_goes_on(tmp_path, logged, monkeypatch):
    def failing(self, summary, step):
        if step == 2:
            raise RuntimeError("events.out: No space left on device\nin a thread")
        write(self, summary, step)

    write = tf.summary.FileWriter.add_summary
    monkeypatch.setattr(tf.summary.FileWriter, "add_summary", failing)
    assert iterations(written(run(ends=(5,)), tmp_path)) == [0, 1, 2, 3, 4, 5]
    assert logged == [("error", f"cannot write to {tmp_path}: events.out: No space left on device; going on")]


def test_a_name_that_is_not_utf_8_is_reported_and_the_run_goes_on(tmp_path, logged, monkeypatch):
    monkeypatch.setattr(messages.logger, "propagate", False)  # pytest-xdist cannot send the name
    assert iterations(written(run(ends=(1,)), tmp_path / "log\udcff")) == [0, 1]
    assert [level for level, _ in logged] == ["error"]
    assert "going on" in logged[0][1]


def test_the_command_shows_losses_of_layers_with_two_styles(command):
    flags = ["--tensorboard", "logs", "--checkpoint-output", "c{}.png", "--checkpoint-iterations", 2]
    flags += ["--print-iterations", 1, "--content-weight-blend", 0.5]
    flags += ["--styles", "style.png", "other.png", "--style-blend-weights", 1, 3]
    status, out, err = command(*flags, iterations=5)
    assert status == 0, err
    scalars, pictures, graph = events("logs")
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
    np.testing.assert_array_equal(read.image("last.png"), read.image("out.png"))
    assert graph


def test_the_command_refuses_a_file_for_a_directory(command):
    Path("logs").write_text("a file")
    status, _, err = command("--tensorboard", "logs")
    assert status == 1
    assert "cannot write to logs: it is not a directory" in err


@pytest.mark.exhaustive
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
