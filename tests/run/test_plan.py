"""What is decided before a run: sizes, starts, networks."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.network import store
from tests.helpers.command import ROOT, pixels, words


def test_width_sets_the_size(command):
    assert command("--width", 20)[0] == 0
    assert pixels("out.png").shape == (15, 20, 3)


def test_style_scales_change_the_picture(command):
    for index, scale in enumerate((1, 2)):
        assert command("--style-scales", scale, output=f"{index}.png")[0] == 0
    assert (pixels("0.png") != pixels("1.png")).any()


def test_initial_picture_and_no_iterations_give_it_back(command):
    status, _, _ = command("--initial", "content.png", iterations=0)
    assert status == 0
    assert (pixels("out.png") == pixels("content.png")).all()


def test_initial_picture_of_another_shape_is_cut_and_not_stretched(command):
    square = np.zeros((40, 60, 3), np.uint8)
    square[:, 20:40] = 255  # 20 wide of 60 by 40
    Image.fromarray(square).save("initial.png")
    assert command("--initial", "initial.png", iterations=0)[0] == 0
    # Scaled by 3/4 to a height of 30; the white is 15 wide, in the middle.
    assert (pixels("out.png")[15, :, 0] > 127).sum() == 15


def test_style_size(command, plans):
    cases = {"content": (30, 40), "original": (180, 240), "20": (15, 20), "280": (210, 280)}
    for size, expected in cases.items():
        status, _, err = command("--style-size", size)
        assert status == 0
        assert plans[-1].styles[0].shape[:2] == expected
        enlarged = f"neural_style: style.png is enlarged from a width of 240 to {expected[1]} pixels\n"
        assert err == (enlarged if expected[1] > 240 else "")
    assert command("--style-size", "original", "--style-scales", 0.5)[0] == 0
    assert plans[-1].styles[0].shape[:2] == (90, 120)


def test_a_directory_of_styles(command, folder):
    (folder / "gallery").mkdir()
    for name in ("b.png", "a.PNG"):
        Path("style.png" if name == "b.png" else "other.png").rename(folder / "gallery" / name)
    Path("gallery/notes.txt").write_text("no picture")
    status, _, err = command("--styles", "gallery", "--style-blend-weights", 1, 0)
    assert status == 0
    assert "the styles in gallery are a.PNG, b.png" in err
    assert command("--styles", "gallery/a.PNG", output="alone.png")[0] == 0
    assert (pixels("out.png") == pixels("alone.png")).all()


def test_without_a_network_the_embedded_one_is_used_and_said(command, monkeypatch, folder):
    monkeypatch.delenv("NEURAL_STYLE_NETWORK", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    arguments = words("--content content.png --styles style.png --output out.png --iterations 1")
    status, _, err = command(*arguments, defaults=False)
    assert status == 0
    assert "using the small network, pocket" in err
    assert "--network vgg19" in err
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "net.mat")
    status, _, err = command(*arguments, "--overwrite", defaults=False)
    assert status == 0
    assert "using the network net.mat, from NEURAL_STYLE_NETWORK" in err


def test_nothing_is_downloaded_for_a_run_that_would_fail(command, monkeypatch, folder):
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setattr(store, "fetch", lambda say: pytest.fail("downloaded"))
    status, _, err = command("--network", "vgg19", "--content", "missing.png")
    assert status == 1
    assert len(err.splitlines()) == 1


def test_what_does_not_fit_is_refused_before_it_starts(command, monkeypatch, folder):
    from brushwork.engine import memory

    monkeypatch.setattr(memory, "available", lambda: 5e8)
    status, _, err = command()
    assert status == 1
    assert re.search(
        r"error: the run takes \S+ GB of memory and 0\.4 GB are free; not even a small picture would fit", err
    )
    assert not os.path.exists("out.png")


def test_mistakes_are_found_before_tensorflow_is_imported(folder):
    code = "import sys, neural_style; print(neural_style.main(), 'tensorflow' in sys.modules)"
    arguments = ["--content", "content.png", "--styles", "style.png", "--network", "net.mat", "--output", "out.xyz"]
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": ROOT}
    )
    assert result.stdout == "1 False\n"
