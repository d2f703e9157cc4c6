"""The clip in examples/ is what the tool makes, and its motion is what it says."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from brushwork.pictures import read
from brushwork.video.clips import open_clip
from brushwork.video.flow import grey_of, warp
from tests.helpers.command import ROOT
from tools import make_clip
from tools.measure import scenes, video

CLIP = ROOT / "examples" / "chelsea.mp4"
PHOTOGRAPH = read.image(ROOT / "examples" / "chelsea.jpg")


def test_the_clip_is_small_and_made_by_the_tool():
    assert CLIP.stat().st_size < 200_000
    clip = open_clip([str(CLIP)], Fraction(25))
    assert (clip.size, len(clip.timing.starts), clip.timing.rate) == ((144, 256), 48, 24)
    made = make_clip.scene(PHOTOGRAPH)
    for number in (0, 47):
        (frame,) = clip.frames(lambda *size: size, range(number, number + 1))
        assert np.abs(frame - made[number]).mean() < 4


@pytest.mark.parametrize("name", scenes.SCENES)
def test_the_exact_flow_of_a_scene(name):
    """A frame is the one before it, moved along the flow, except for resampling; the butterfly too, roughly."""
    scene = scenes.make_scene(name, PHOTOGRAPH, 3, (72, 128))
    before, frame = (each.astype(np.float32) for each in scene.frames[:2])
    change, left = (np.square(frame - each) for each in (before, warp(before, scene.flow(1, 0))))
    followed = scene.followed(1, 0)
    assert followed.mean() > 0.5
    assert left[followed].mean() <= (2 * scenes.NOISE**2 * 1.1 if "noise" in name else 0.15 * change[followed].mean())
    if scene.things:
        butterfly = scene.things[1].opacity > 200
        assert left[butterfly].mean() < 0.2 * change[butterfly].mean()
    greys = [grey_of(each) for each in (frame, before)]
    np.testing.assert_array_equal(scene.oracle()(*greys), scene.flow(1, 0))


@pytest.mark.exhaustive
def test_films_are_measured(folder, capsys):
    inputs = ["--network", "net.mat", "--content", "content.png", "--style", "style.png", "--frames", "2"]
    flags = "--initial content --optimizer lbfgs --iterations 2 --frame-iterations 1".split()
    inputs += ["--width", "48", "--scenes", "pan", "--weights", "1", "--exact-flow", "--directory", "kept"]
    assert video.main([*inputs, *flags]) == 0
    assert Path("kept/pan-1/out/f2.png").exists()
    assert capsys.readouterr().out.count("| pan |") == 2
