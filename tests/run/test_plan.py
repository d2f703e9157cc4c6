"""What is decided before a run: sizes, starts, networks."""

import dataclasses
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from brushwork import state
from brushwork.network import store
from brushwork.pictures.masks import Masks
from tests.helpers.command import ROOT, pixels, words


@pytest.mark.parametrize(
    ("size", "flags", "expected"),
    [
        ((40, 30), "--width 20", (15, 20)),
        ((30, 40), "--width 20", (27, 20)),  # 26.67
        ((40, 30), "--long-side 20", (15, 20)),
        ((30, 40), "--long-side 20", (20, 15)),  # a portrait
        ((30, 40), "--long-side 40", (40, 30)),
        ((30, 40), "--long-side 400", (40, 30)),  # nothing is enlarged
        ((30, 40), "--long-side 20 --width 30", (40, 30)),
        ((30, 40), "--long-side 20 --width 60", (80, 60)),
        ((30, 40), "--preset keras", (40, 30)),
    ],
    ids=str,
)
def test_the_size_of_the_output(command, plans, size, flags, expected):
    Image.new("RGB", size).save("content.png")
    assert command(*words(flags))[0] == 0
    assert plans[0].content.shape[:2] == expected


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


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", [(30, 40), (53, 40)]),  # as wide as the content
        ("--style-scales 0.5 2", [(15, 20), (107, 80)]),
        ("--width 20", [(15, 20), (27, 20)]),
        ("--width 20 --style-size original", [(180, 240), (40, 30)]),
        ("--style-size original --style-scales 0.5 1", [(90, 120), (40, 30)]),
        ("--style-size 20", [(15, 20), (20, 15)]),  # of the longer side
        ("--style-size 20 --style-scales 2 1", [(30, 40), (20, 15)]),
        ("--style-size 280", [(210, 280), (280, 210)]),
    ],
    ids=str,
)
def test_the_sizes_of_the_styles(command, plans, flags, expected):
    Image.new("RGB", (30, 40)).save("portrait.png")
    status, _, err = command(*words(flags), "--styles", "style.png", "portrait.png")
    assert status == 0
    assert [style.shape[:2] for style in plans[0].styles] == expected
    own = [("style.png", 240, expected[0][1]), ("portrait.png", 30, expected[1][1])]
    said = [f"{name} is enlarged from a width of {old} to {new} pixels" for name, old, new in own if new > old]
    assert err.splitlines() == [f"neural_style: warning: {line}" for line in said]


def test_widths_of_scales_are_below_the_width_of_the_output(command, plans):
    assert command("--scales", 20, 39)[0] == 0
    status, _, err = command("--scales", 20, 40)
    assert (status, len(plans)) == (2, 1)
    assert err == "neural_style: error: --scales takes widths below the output's, which is 40\n"


def test_a_start_by_name_reads_no_picture(command, plans):
    for name in ("noise", "content", "style"):
        assert command("--initial", name)[0] == 0
        assert plans[-1].initial is None
    assert command("--initial", "other.png", "--width", 20)[0] == 0
    assert plans[-1].initial.shape == (15, 20, 3)


def test_the_alpha_channel_is_kept_where_it_is_asked_for(command, plans):
    picture = Image.new("RGBA", (40, 30), (9, 99, 199, 51))
    picture.paste((9, 99, 199, 255), (0, 0, 20, 30))
    picture.save("content.png")
    assert command()[0] == 0
    assert plans[-1].opacity is None
    assert command("--keep-alpha", "--width", 20)[0] == 0
    opacity = plans[-1].opacity
    assert opacity.shape == (15, 20)
    np.testing.assert_allclose(opacity[:, [0, -1]], [[1, 0.2]] * 15, atol=0.01)  # Lanczos is not yet even 10 px away
    assert 0 <= opacity.min() <= opacity.max() <= 1


def test_the_deadline_is_seconds_from_now(command, plans, monkeypatch):
    monkeypatch.setattr("brushwork.run.plan.time", SimpleNamespace(monotonic=lambda: 1000.0))
    assert command("--max-seconds", 7.5)[0] == 0
    assert command()[0] == 0
    assert [each.deadline for each in plans] == [1007.5, math.inf]


def test_memory_is_shared_out_when_the_run_starts(command, plans, monkeypatch):
    from brushwork.engine import memory

    asked = []
    monkeypatch.setattr(memory, "tile_sizes", lambda workload: asked.append(workload) or [16, None])
    assert command("--styles", "style.png", "other.png", "--style-masks", "content.png", "content.png")[0] == 0
    plan = plans[0]
    decided = plan.with_precision("bfloat16")
    assert asked == [memory.Workload(plan.network, plan.settings, "bfloat16", (30, 40), [(30, 40), (53, 40)], 2)]
    assert (decided.precision, decided.tile_sizes, plan.precision) == ("bfloat16", (16, None), None)


def test_everything_that_makes_the_picture_is_in_the_digests(command, plans):
    flags = "--styles style.png other.png --style-masks style.png content.png --style-source-masks style.png other.png"
    assert command(*words(flags), "--content-mask", "content.png", "--initial", "style.png")[0] == 0
    plan, seen = plans[0], []
    (one, two), content, (source, other) = plan.masks
    (kernel, bias), mean = plan.network.convolutions["conv3_2"], plan.network.mean_pixel
    changes = [
        ("network", {"convolutions": plan.network.convolutions | {"conv3_2": (kernel + 1, bias)}}),
        ("network", {"convolutions": plan.network.convolutions | {"conv3_2": (kernel, bias + 1)}}),
        ("network", {"mean_pixel": mean + 1}),
        ("content", plan.content + 1),
        ("styles", [plan.styles[0], plan.styles[1] + 1]),
        ("styles", plan.styles[::-1]),
        ("initial", None),
        ("initial", plan.initial + 1),
        ("masks", Masks((two, one), content, (source, other))),
        ("masks", Masks((one, two), content, (other, source))),
        ("masks", Masks((one, two), content / 2, (source, other))),
        ("masks", Masks((one, two), None, (source, other))),
        ("masks", Masks((one, two), content, ())),
        ("masks", Masks((), content, (one, two))),
        ("masks", Masks((one, two), content, ())),
        ("masks", Masks((one,), content, (two,))),
        ("masks", Masks()),
    ]
    for name, value in changes:
        if isinstance(value, dict):
            value = dataclasses.replace(plan.network, **value)
        digests = dataclasses.replace(plan, **{name: value}).digests
        assert {each for each in digests if digests[each] != plan.digests[each]} == {name}
        seen.append(digests[name])
    assert len(set(seen)) == len(changes) - 1  # one is given twice
    assert set(plan.digests) == set(state.INPUTS)


def test_a_directory_of_styles(command, plans, folder):
    (folder / "gallery").mkdir()
    for name in ("b.png", "a.PNG"):
        Path("style.png" if name == "b.png" else "other.png").rename(folder / "gallery" / name)
    Path("gallery/notes.txt").write_text("no picture")
    status, _, err = command("--styles", "gallery", "--style-blend-weights", 1, 0)
    assert status == 0
    assert "the styles in gallery are a.PNG, b.png" in err
    assert command("--styles", "gallery/a.PNG", "gallery/b.png")[0] == 0
    for found, expected in zip(plans[0].styles, plans[1].styles, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert plans[0].settings.style_blend_weights == (1, 0)


def test_without_a_network_the_included_one_is_used_and_named(command, plans, monkeypatch, folder):
    monkeypatch.delenv("NEURAL_STYLE_NETWORK", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    arguments = words("--content content.png --styles style.png --output out.png --iterations 1")
    status, _, err = command(*arguments, defaults=False)
    assert status == 0
    assert "using the included network, pocket" in err
    assert "--network vgg19" in err
    assert plans[0].network.convolutions["conv1_1"][0].shape == (3, 3, 3, 32)
    monkeypatch.setenv("NEURAL_STYLE_NETWORK", "net.mat")
    status, _, err = command(*arguments, "--overwrite", defaults=False)
    assert status == 0
    assert "using the network net.mat, from NEURAL_STYLE_NETWORK" in err
    assert plans[1].network.convolutions["conv1_1"][0].shape == (3, 3, 3, 2)


def test_nothing_is_downloaded_for_a_run_that_would_fail(command, monkeypatch, folder):
    monkeypatch.setenv("KERAS_HOME", str(folder / "keras"))
    monkeypatch.setattr(store, "fetch", lambda: pytest.fail("downloaded"))
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
