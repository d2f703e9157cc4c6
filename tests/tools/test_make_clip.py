"""The clip in examples/ is what the tool makes, and its motion is what it says."""

from fractions import Fraction

import numpy as np
import pytest

from brushwork.pictures import read
from brushwork.video.clips import open_clip
from brushwork.video.flow import warp
from tests.helpers.command import ROOT
from tools import make_clip
from tools.measure import video

CLIP = ROOT / "examples" / "chelsea.mp4"


def test_the_clip_is_small_and_made_by_the_tool():
    assert CLIP.stat().st_size < 200_000
    clip = open_clip([str(CLIP)], Fraction(25))
    assert (clip.size, len(clip.timing.starts), clip.timing.rate) == ((144, 256), 48, 24)
    made = make_clip.scene(read.image(ROOT / "examples" / "chelsea.jpg"))
    for number in (0, 47):
        (frame,) = clip.frames(lambda *size: size, range(number, number + 1))
        assert np.abs(frame - made[number]).mean() < 4


@pytest.mark.parametrize("scene", ["pan", "turn and zoom", "object"])
def test_the_exact_flow_of_a_scene(scene):
    """A frame is the one before it, moved along the flow, except for resampling."""
    size = 72, 128
    frames, matrices, masks = video.frames_of(scene, read.image(ROOT / "examples" / "chelsea.jpg"), 3, size)
    frames = [frame.astype(np.float32) for frame in frames]
    moved = video.flicker(frames, matrices, masks)
    still = video.flicker(frames, [matrices[0]] * 3, masks)
    assert moved < 0.15 * still
    flow = video.exact_flow(matrices[1], matrices[0], size)
    assert warp(frames[0], flow).shape == frames[1].shape


@pytest.mark.exhaustive
def test_films_are_measured(folder, capsys):
    inputs = ["--network", "net.mat", "--content", "content.png", "--style", "style.png", "--frames", "2"]
    flags = "--initial content --optimizer lbfgs --iterations 2 --frame-iterations 1".split()
    assert video.main([*inputs, "--width", "48", "--scenes", "pan", "--weights", "1", *flags]) == 0
    assert capsys.readouterr().out.count("| pan |") == 2
