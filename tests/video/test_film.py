"""Films by optimisation through the command: what frames follow from, resuming, cuts, colours, what is left."""

import functools
import itertools
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork import state
from brushwork.errors import ClusterLost
from brushwork.run.interrupts import Interrupts
from brushwork.settings import Settings
from brushwork.video import about, painters
from brushwork.video import film as film_module
from brushwork.video_settings import VIDEO_SETTINGS, later_settings
from tests.helpers.command import FAST, pixels
from tests.helpers.tiers import spot_checks
from tests.video import files
from tests.video.test_encode import read as read_film
from tests.video.test_flow import texture

COUNT = 5
FLAGS = f"--network net.mat --initial content --optimizer lbfgs --iterations 3 --frame-iterations 2 {FAST}".split()


@pytest.fixture
def film(command):
    """Runs the command on frames/f%d.png, a pan of COUNT frames, or on the given content."""
    Path("frames").mkdir()
    scene = texture(32, 60)
    for number in range(COUNT):
        frame = scene[:, 2 * number : 2 * number + 48]
        Image.fromarray(np.rint(frame).astype(np.uint8)).save(f"frames/f{number + 1}.png")

    def run(*arguments, content="frames/f%d.png", output="out/f%d.png", flags=FLAGS):
        inputs = ["--content", content, "--styles", "style.png", "--output", output] if content else []
        return command(*inputs, *flags, *arguments, defaults=False)

    return run


@pytest.fixture
def interrupt(monkeypatch, at_evaluation):
    """interrupt(number): a signal at that evaluation, which has been noticed when the evaluation begins."""
    active, enter = [], Interrupts.__enter__
    monkeypatch.setattr(Interrupts, "__enter__", lambda self: active.append(self) or enter(self))

    def at(number, kind=signal.SIGINT):
        def act():
            os.kill(os.getpid(), kind)
            while not active[-1].status:
                time.sleep(0.01)

        at_evaluation(number, act)

    return at


def frames_of(directory, count=COUNT):
    return [Path(directory, f"f{number + 1}.png").read_bytes() for number in range(count)]


def test_a_still_clip_stays_the_same_with_a_large_weight(film):
    shutil.copyfile("frames/f1.png", "frames/f2.png")
    shutil.copyfile("frames/f1.png", "frames/f3.png")
    assert film("--temporal-weight", "1e6", "--frames", ":3")[0] == 0
    first, *others = (pixels(f"out/f{number}.png") for number in (1, 2, 3))
    for frame in others:
        assert np.abs(frame - first).mean() < 0.5
        assert np.abs(frame - first).max() <= 3  # rounding, and the last step of L-BFGS


def test_a_frame_follows_from_the_one_before(film):
    """With a large weight, a frame differs less from the one before, moved by 2 px along with the scene."""
    change = {}
    for weight in ("0", "1e5"):
        status, _, err = film("--temporal-weight", weight, output=f"w{weight}/f%d.png")
        assert status == 0, err
        frames = [pixels(f"w{weight}/f{number + 1}.png") for number in range(COUNT)]
        pairs = itertools.pairwise(frames)
        change[weight] = np.mean([np.square(later[:, 4:-8] - before[:, 6:-6]).mean() for before, later in pairs])
    assert change["1e5"] < 0.8 * change["0"]


def test_frames_of_an_earlier_film_are_not_taken_for_finished(film, interrupt):
    flags = [*FLAGS, "--iterations", "2", "--frames", ":2"]
    assert film(flags=flags)[0] == 0
    whole = frames_of("out", 2)
    for number in (1, 2):
        shutil.copyfile(f"frames/f{number}.png", f"out/f{number}.png")
    interrupt(1)
    assert film("--overwrite", flags=flags)[0] == 130
    status, _, err = film("--resume", "out/f%d.state", content=None, flags=[])
    assert status == 0, err
    assert frames_of("out", 2) == whole


def test_an_interrupted_film_is_resumed_bit_for_bit(film, interrupt):
    assert film()[0] == 0
    whole = frames_of("out")
    assert sorted(os.listdir("out")) == [f"f{number + 1}.png" for number in range(COUNT)]
    interrupt(14)
    status, _, err = film(output="again/f%d.png")
    assert status == 130
    assert "interrupted after " in err
    assert "of 5 frames; continue with --resume again/f%d.state" in err
    assert 0 < len(list(Path("again").glob("*.png"))) < COUNT
    assert state.read("again/f%d.state").film["temporal_weight"] == 1.2e-2
    status, _, err = film("--resume", "again/f%d.state", content=None, flags=[])
    assert status == 0, err
    assert frames_of("again") == whole
    assert not os.path.exists("again/f%d.state")


def test_a_video_is_complete_or_not_there(film, interrupt):
    interrupt(14, signal.SIGTERM)
    status, _, err = film(output="out.mp4")
    assert status == 143, err
    assert not os.path.exists("out.mp4")
    done = sorted(os.listdir("out.frames"))
    assert done[0] == "frame-000001.png"
    status, _, err = film(output="out.mp4")
    assert (status, "give --overwrite, or continue it with --resume out.state" in err) == (1, True)
    kept = Path("out.frames", done[0]).read_bytes()
    assert film("--resume", "out.state", content=None, flags=[])[0] == 0
    assert len(read_film("out.mp4")[1]) == COUNT
    assert about.read("out.mp4")["flags"].count("--optimizer") == 1
    assert not os.path.exists("out.frames")
    assert not os.path.exists("out.state")
    assert len(kept) > 0


@pytest.mark.parametrize("is_lost", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_frames_that_are_painted_elsewhere(film, monkeypatch, is_lost):
    """Whatever is missing then is painted here, from the frames that it follows; a resumed run too paints only that."""
    assert film()[0] == 0
    whole, painted = frames_of("out"), []

    def spread(plan, painter, finished, stopped):
        for index in (1, 2, 4):
            shutil.copyfile(f"out/f{index + 1}.png", plan.files.kept(index + 1))
            finished.add(index)
        assert not stopped()
        if is_lost:
            raise ClusterLost

    follow = painters.FramePainter.steps
    monkeypatch.setattr(painters.FramePainter, "steps", lambda *given: painted.append(1) or follow(*given))
    with monkeypatch.context() as patch:
        patch.setattr(film_module, "run", functools.partial(film_module.run, spread=spread))
        status, _, err = film(output="again/f%d.png")
    if is_lost:
        assert (status, "interrupted after 3 of 5 frames; continue with --resume again" in err) == (1, True), err
        assert film("--resume", "again/f%d.state", content=None, flags=[])[0] == 0
    assert frames_of("again") == whole
    assert len(painted) == 2
    assert sorted(os.listdir("again")) == sorted(os.listdir("out"))


OTHERS = [  # (flags, the picture that changes, what is said)
    (["--temporal-weight", "2"], None, "--temporal-weight has changed"),
    (["--content-weight", "2"], None, "--content-weight was 5.0 and is now 2.0"),
    (["--frames", ":4"], None, "--frames, or the number of frames, has changed"),
    ([], "style.png", "a style picture has changed"),
    (["--output", "out.jpg"], None, "is the state of a film; give no other --output than that of a film"),
]


@pytest.mark.parametrize("case", spot_checks(OTHERS, keep=(0,)))
def test_another_film_is_not_resumed(film, interrupt, case):
    flags, change, said = case
    interrupt(8)
    assert film(output="out.mp4")[0] == 130
    if change:
        Image.fromarray(files.picture(3, 60, 45)).save(change)
    status, _, err = film("--resume", "out.state", *flags, content=None, flags=[])
    assert (status, said in err, "Traceback" in err) == (1 if change else 2, True, False), err
    assert os.path.isdir("out.frames")


@pytest.mark.exhaustive
def test_a_state_of_a_picture_is_of_no_film(film, command):
    assert command("--state", "one.state")[0] == 0
    status, _, err = command("--resume", "one.state", "--output", "out.mp4", defaults=False)
    assert (status, "one.state is the state of a picture, and out.mp4 is a film" in err) == (2, True)


def test_a_cut_begins_afresh(film, monkeypatch):
    Image.fromarray(np.rint(texture(32, 48, seed=12)).astype(np.uint8)).save("frames/f3.png")
    begun = []
    steps = painters.FramePainter.steps

    def noting(self, content):
        result = steps(self, content)
        begun.append(self.begins)
        return result

    monkeypatch.setattr(painters.FramePainter, "steps", noting)
    assert film("--frames", ":4")[0] == 0
    assert begun == [True, False, True, True]


@pytest.mark.exhaustive
def test_the_colours_of_the_clip(film):
    assert film("--colors", "luma", output="out.apng")[0] == 0
    _, frames = read_film("out.apng")
    for number, frame in enumerate(frames):
        content = pixels(f"frames/f{number + 1}.png").astype(np.float32)
        difference = frame - content
        inside = ((frame > 0) & (frame < 255)).all(axis=2)
        assert np.ptp(difference, axis=2)[inside].max() <= 1.01  # the same change of all channels: only luma differs


@pytest.mark.exhaustive
def test_long_reach_and_a_dry_run(film):
    assert film("--temporal-reach", "1", "2", "4")[0] == 0
    status, out, _ = film("--dry-run", output="out.mp4")
    assert status == 0
    assert "film: 5 frames of 48x32 pixels, 25 a second" in out
    assert "each frame after the first: 2 iterations" in out
    assert "time of all 5 frames: " in out
    assert not os.path.exists("out.state")


def test_the_progress_is_told_by_frames(film):
    import neural_style

    moments = []
    inputs = "--content frames/f%d.png --styles style.png --output out/f%d.png --frames :3".split()
    assert neural_style.main([*inputs, *FLAGS], show_film=moments.append) == 0
    finished = [each for each in moments if each.is_finished]
    assert [each.index for each in finished] == [0, 1, 2]
    steps = [(each.index, each.step.iteration) for each in moments if not each.is_finished]
    assert steps == [(0, 0), (0, 1), (0, 2), (0, 3), *((index, number) for index in (1, 2) for number in range(3))]
    shares = [each.share for each in moments]
    assert shares == sorted(shares)
    assert [each.share for each in finished] == pytest.approx([3 / 7, 5 / 7, 1])  # 3 steps and twice 2
    assert finished[-1].seconds_left == 0
    assert all(each.seconds_left > 0 and each.pace > 0 for each in finished[:-1])
    picture = np.rint(np.clip(finished[1].step.picture(), 0, 255))
    np.testing.assert_array_equal(picture, pixels("out/f2.png"))


def test_time_is_up(film):
    status, _, err = film("--max-seconds", "0.001", output="out.mp4")
    assert (status, "ended after 0 of 5 frames, in time; continue with --resume out.state" in err) == (0, True)


@pytest.mark.exhaustive
def test_adam_is_warned_about(film, monkeypatch):
    status, _, err = film("--optimizer", "adam", "--dry-run")
    assert (status, "films made with --optimizer adam flicker" in err) == (0, True)


@pytest.mark.parametrize(
    ("scales", "expected"), [({}, (15,)), ({"scales": (2,)}, (20, 15)), ({"scales": (3,)}, (20, 15))]
)
def test_frames_after_the_first_have_numbers_of_the_last_scales(scales, expected):
    default = VIDEO_SETTINGS["frame_iterations"].default
    later = later_settings(Settings(**scales), default, initial="content")
    assert (later.scale_iterations, later.initial) == (expected, "content")
    assert later_settings(Settings(smallest_scale=90), default).scale_iterations == (20, 15)
