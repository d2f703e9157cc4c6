"""--instant through the command: pictures, batches, masks, metadata, refusals."""

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.engine.session import Cancellable
from brushwork.pictures import metadata, read, write
from brushwork.preview import memory, store, weights
from brushwork.preview.network import PreviewNetwork, make_preview
from brushwork.preview_settings import PreviewSettings
from tests.helpers.command import pixels, words
from tests.helpers.interrupts import interrupt_previews
from tests.helpers.objectives import shared_preview_network
from tests.preview import models

INPUTS = words("--instant --content content.png --styles style.png")


@pytest.fixture
def instant(command):
    """Runs the command with --instant and no network of the optimisation."""

    def run(*arguments, output="out.png"):
        return command(*INPUTS, *(["--output", output] if output else []), *arguments, defaults=False)

    return run


def expected(styles=("style.png",), **values):
    settings = PreviewSettings(**values)
    with shared_preview_network(weights.load()) as painter:
        return make_preview(painter, read.image("content.png"), [read.image(name) for name in styles], settings)


def test_a_picture(instant):
    status, out, err = instant()
    assert (status, out, err) == (0, "", "neural_style: wrote out.png\n")
    np.testing.assert_array_equal(pixels("out.png"), np.rint(expected()))


def test_the_same_command_writes_the_same_bytes(instant):
    for name in ("a.png", "b.png"):
        assert instant(output=name)[0] == 0
    assert Path("a.png").read_bytes() == Path("b.png").read_bytes()


def test_strength_blend_and_colours(command):
    flags = words("--style-blend-weights 3 1 --instant-strength 0.5 --preserve-colors --width 24")
    many = ["--instant", "--content", "content.png", "--styles", "style.png", "other.png", "--output", "out.png"]
    assert command(*many, *flags, defaults=False)[0] == 0
    assert pixels("out.png").shape == (18, 24, 3)
    assert (
        command(*many, "--instant-strength", "0.5", "--style-blend-weights", "3", "1", "--overwrite", defaults=False)[0]
        == 0
    )
    values = {"instant_strength": 0.5, "style_blend_weights": (3.0, 1.0)}
    np.testing.assert_array_equal(pixels("out.png"), np.rint(expected(("style.png", "other.png"), **values)))


def test_masks(command):
    left = np.zeros((30, 40), np.uint8)
    left[:, :20] = 255
    Image.fromarray(left).save("left.png")
    Image.fromarray(255 - left).save("right.png")
    many = ["--instant", "--content", "content.png", "--styles", "style.png", "other.png", "--output", "out.png"]
    assert command(*many, "--style-masks", "left.png", "right.png", defaults=False)[0] == 0
    one, other = expected(), expected(("other.png",))
    both = np.concatenate([one[:, :20], other[:, 20:]], axis=1)
    assert np.abs(pixels("out.png") - both).max() <= 0.51


def test_sixteen_bits_and_transparency(instant):
    assert instant("--depth", "16")[0] == 0
    assert read.picture("out.png").image.shape == (30, 40, 3)
    assert Path("out.png").read_bytes()[24] == 16
    with Image.open("content.png") as picture:
        picture.load()
    picture.putalpha(Image.linear_gradient("L").resize((40, 30)))
    picture.save("content.png")
    assert instant("--keep-alpha", output="alpha.png")[0] == 0
    with Image.open("alpha.png") as picture:
        assert picture.mode == "RGBA"


def test_settings_are_in_the_file_and_come_back(instant, command):
    assert instant("--instant-strength", "0.5", "--preset", "fast", output="out.jpg")[0] == 0
    about = metadata.read("out.jpg")
    assert {"--instant", "--instant-strength"} <= set(about["flags"])
    assert about["network"] == weights.load().digest
    assert "loss" not in about
    json.dumps(about, allow_nan=False)
    again = words("--content content.png --styles style.png --output again.jpg --settings-from out.jpg")
    assert command(*again, defaults=False)[0] == 0
    assert Path("again.jpg").read_bytes() == Path("out.jpg").read_bytes()


def test_settings_from_an_instant_picture_of_an_earlier_version(instant, command):
    """Its metadata has the settings of an optimisation too, with --instant among them."""
    flags = words("--initial content --optimizer lbfgs --iterations 150 --instant --instant-strength 0.5")
    write.save("old.png", np.zeros((3, 4, 3), np.float32), metadata={"flags": flags})
    again = words("--content content.png --styles style.png --output again.png --settings-from old.png")
    assert command(*again, defaults=False)[0] == 0
    np.testing.assert_array_equal(pixels("again.png"), np.rint(expected(instant_strength=0.5)))


def test_a_batch_goes_on_after_a_failure(command):
    Path("bad.png").write_bytes(b"no picture")
    many = words("--instant --content content.png bad.png other.png --styles style.png --output out/{content}.jpg")
    status, _, err = command(*many, defaults=False)
    assert status == 1
    assert "2 done, 1 failed" in err
    assert sorted(os.listdir("out")) == ["content.jpg", "other.jpg"]
    many.remove("bad.png")
    assert "0 done, 2 skipped" in command(*many, "--skip-existing", defaults=False)[2]


def test_a_contact_sheet_and_a_dry_run(instant):
    status, out, _ = instant("--dry-run")
    assert status == 0
    assert "an instant picture of 40x30 pixels" in out
    assert "memory: " in out
    assert not os.path.exists("out.png")
    assert instant("--contact-sheet", "sheet.png")[0] == 0
    assert pixels("sheet.png").shape[0] > 240


NO_EFFECT = {
    "--iterations 5 --optimizer lbfgs": ["--iterations", "--optimizer"],
    "--preset fast": ["--preset"],
    "--network net.mat": ["--network"],
    "--initial style": ["--initial"],
    "--style-size 20 --style-scales 2": ["--style-scales", "--style-size"],
    "--content-mask content.png": ["--content-mask"],
    "--color-strength 0.5": ["--color-strength"],
    "--style-blend-weights 2": ["--style-blend-weights"],
    "--scales 2": ["--scales"],
    "--width 20 --long-side 30": ["--long-side"],
    "--instant-strength 0.5 --colors luma --color-strength 0.5": [],
}


@pytest.mark.parametrize("flags", NO_EFFECT)
def test_flags_without_effect_are_named(instant, plans, flags):
    status, _, err = instant(*flags.split())
    assert status == 0, err
    said = [line.split()[2] for line in err.splitlines() if "has no effect" in line]
    assert said == NO_EFFECT[flags]


def test_instant_flags_have_no_effect_on_an_optimisation(command, plans):
    err = command("--instant-strength", "0.5", "--instant-network", "lite")[2]
    for flag in ("--instant-strength", "--instant-network"):
        assert f"{flag} has no effect without --instant" in err


REFUSED = [
    "--checkpoint-output a_{}.png --checkpoint-iterations 2",
    "--state run.state",
    "--progress-write",
    "--progress-plot",
    "--tensorboard logs",
    "--print-iterations 1",
    "--max-seconds 4",
]


@pytest.mark.parametrize("flags", REFUSED)
def test_what_only_an_optimisation_has_is_refused(instant, flags):
    status, _, err = instant(*flags.split())
    assert status == 2
    assert f"error: {flags.split()[0]} is for an optimisation, and --instant makes none" in err
    assert not os.path.exists("out.png")


def test_mistakes_are_found_before_tensorflow_is_needed(instant, monkeypatch):
    monkeypatch.setattr(PreviewNetwork, "__init__", None)
    for flags, status, message in (
        ("--instant-strength 2", 2, "--instant-strength must be between 0 and 1, not 2"),
        ("--instant-network nowhere", 1, "no network nowhere: it is neither a directory nor one of lite and hub"),
        ("--instant-network .", 1, "a directory without saved_model.pb; give the directory of a SavedModel"),
        ("--style-blend-weights 1 2", 2, "--style-blend-weights takes one number for each style: 1, not 2"),
    ):
        found = instant(*flags.split())
        assert found[0] == status
        assert message in found[2]


def test_nothing_is_downloaded_for_a_run_that_would_fail(instant, monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(store, "fetch", None)
    status, _, err = instant("--instant-network", "hub", "--instant-strength", "2", "--depth", "16", output="out.jpg")
    assert status == 2
    assert "--instant-strength must be" in err


def test_what_does_not_fit_is_refused(instant, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 1e6)
    status, _, err = instant()
    assert status == 1
    assert "GB of memory" in err
    assert not os.path.exists("out.png")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_saved_model_is_used(instant):
    models.save("model", models.tinted)
    status, _, err = instant("--instant-network", "model")
    assert status == 0, err
    settings = PreviewSettings()
    with shared_preview_network(store.SavedModel("model")) as painter:
        image = make_preview(painter, read.image("content.png"), [read.image("style.png")], settings)
    np.testing.assert_array_equal(pixels("out.png"), np.rint(image))
    assert metadata.read("out.png")["network"] == store.SavedModel("model").digest


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_wrong_saved_model_is_refused(instant):
    models.save("model", lambda a, b, c, scale: scale * (a + b + c), names=("a", "b", "c"))
    status, _, err = instant("--instant-network", "model")
    assert status == 1
    assert "error: cannot use the network model: it has 3 inputs and 1 outputs" in err
    assert "Traceback" not in err
    assert not os.path.exists("out.png")


def test_an_interrupt_leaves_nothing(instant, monkeypatch):
    interrupt_previews(monkeypatch)
    status, _, err = instant()
    assert status == 130
    assert "interrupted; there is no picture yet" in err
    assert not os.path.exists("out.png")


def test_an_interrupt_ends_a_computation_that_goes_on(instant, monkeypatch):
    models.save("model", models.tinted)
    run, ended = Cancellable.run, threading.Event()

    def slow(self, *arguments):
        self._session.run = lambda *given, **options: ended.wait(60)
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        return run(self, *arguments)

    left = []
    monkeypatch.setattr(Cancellable, "run", slow)
    monkeypatch.setattr(os, "_exit", left.append)  # the command's last resort while TensorFlow computes
    start = time.monotonic()
    status, _, err = instant("--instant-network", "model")
    waited = time.monotonic() - start
    ended.set()
    assert (status, left) == (130, [130])
    assert "interrupted; there is no picture yet" in err
    assert waited < 20
