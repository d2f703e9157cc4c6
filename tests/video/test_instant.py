"""Instant films through the command: which outputs are films, the frames of each, what is left, and refusals."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from brushwork.pictures import read
from brushwork.preview import weights
from brushwork.preview.network import make_preview
from brushwork.preview_settings import PreviewSettings
from brushwork.video import about, names
from tests.helpers.command import ROOT, pixels, words
from tests.helpers.interrupts import interrupt_previews
from tests.helpers.objectives import shared_preview_network
from tests.helpers.tiers import spot_checks
from tests.video import files
from tests.video.test_encode import packets
from tests.video.test_encode import read as read_film

COUNT = 5


@pytest.fixture
def film(command):
    """Runs the command with --instant on a clip of COUNT frames, or on the given content."""
    files.write(Path("clip.mp4"), files.frames(COUNT), sound="aac")

    def run(output, *arguments, content=("clip.mp4",)):
        inputs = ["--instant", "--content", *content, "--styles", "style.png", "--output", output]
        return command(*inputs, *arguments, defaults=False)

    return run


@pytest.fixture
def painted():
    """What the preview network makes of a frame: float32 [H, W, 3]."""

    def paint(frame):
        with shared_preview_network(weights.load()) as network:
            return make_preview(network, frame, [read.image("style.png")], PreviewSettings())

    return paint


def pictures(folder):
    """The frames in a folder: name -> levels."""
    return {each.name: pixels(each).tolist() for each in Path(folder).iterdir()}


def test_a_film(film, painted):
    status, out, err = film("out.mp4", "--video-quality", "0")
    assert (status, out, err) == (0, "", "neural_style: wrote out.mp4\n")
    _, contents = read_film("clip.mp4")
    clip, frames = read_film("out.mp4")
    assert clip.timing == read_film("clip.mp4")[0].timing
    for frame, content in zip(frames, contents, strict=True):
        assert np.abs(frame - painted(content)).mean() < 12  # saturated hatches in half the resolution
    assert packets("out.mp4") == packets("clip.mp4")
    assert not os.path.exists("out.frames")


def test_frames_that_are_chosen_become_files_with_their_numbers(film, painted):
    status, _, err = film("out/f%03d.png", "--frames", "2:5:2")
    assert status == 0, err
    assert sorted(os.listdir("out")) == ["f002.png", "f004.png"]
    _, contents = read_film("clip.mp4")
    np.testing.assert_array_equal(pixels("out/f004.png"), np.rint(painted(contents[3])))


@pytest.mark.parametrize("output", spot_checks(["out.gif", "out.apng", "out.webp"], keep=(0,)))
def test_an_animation_of_a_video(film, output):
    assert film(output, "--frames", ":3")[0] == 0
    with Image.open(output) as picture:
        assert picture.n_frames == 3


@pytest.mark.exhaustive
def test_pictures_become_a_film(film):
    for number in (1, 2, 10):
        Image.fromarray(files.picture(number)).save(f"f{number}.png")
    assert film("a.mp4", "--fps", "8", content=["f%d.png"])[0] == 0
    clip, _ = read_film("a.mp4")
    assert [start * clip.timing.base * 8 for start in clip.timing.starts] == [0, 1, 2]
    assert film("a/%d.png", content=["f%d.png"])[0] == 0
    assert film("b/%d.png", content=["f1.png", "f10.png", "f2.png"])[0] == 0  # as the shell sorts them
    assert pictures("a") == pictures("b")


@pytest.mark.exhaustive
def test_the_settings_of_a_film_are_in_its_file(film, command):
    flags = "--instant-strength", "0.5", "--width", "32"
    assert film("a.mp4", "--video-quality", "30", *flags)[0] == 0
    assert film("a/%d.png", *flags)[0] == 0
    again = words("--content clip.mp4 --styles style.png --settings-from a.mp4 --output")
    assert command(*again, "b.mp4", defaults=False)[0] == 0
    assert about.read("a.mp4") == about.read("b.mp4")
    assert {"--instant-strength", "--video-quality", "--width"} <= set(about.read("a.mp4")["flags"])
    assert command(*again, "b/%d.png", defaults=False)[0] == 0  # the encoder's own bytes differ from run to run
    assert pictures("a") == pictures("b")


def test_a_contact_sheet_and_a_dry_run(film):
    status, out, _ = film("out.mp4", "--dry-run")
    assert status == 0
    assert "film: 5 frames of 64x36 pixels, 25 a second" in out
    assert not os.path.exists("out.mp4")
    assert film("out.mp4", "--contact-sheet", "sheet.png")[0] == 0
    assert pixels("sheet.png").shape[0] > 480


@pytest.mark.parametrize(
    ("content", "output", "flags", "is_film"),
    [
        (["a.mp4"], "out.mp4", [], True),
        (["a.mp4"], "out.avi", [], True),
        (["a.jpg"], "out.jpg", [], False),
        (["a.jpg"], "out.mp4", [], True),
        (["a.mp4"], "out.png", [], False),
        (["a.mp4"], "out.webp", [], True),
        (["a.mp4"], "out.jpg", [], False),
        (["moving.gif"], "out.gif", [], True),
        (["still.gif"], "out.gif", [], False),
        (["moving.gif"], "out.png", [], False),
        (["moving.gif"], "out.webp", [], False),
        (["moving.gif"], "out.webp", ["--frames", ":"], True),
        (["moving.gif"], "f%d.jpg", [], True),
        (["a.jpg", "b.jpg"], "out/{content}.gif", [], True),
        (["a.jpg", "b.jpg"], "out/{content}.png", [], False),
        (["f%02d.png"], "out.webp", [], True),
    ],
)
def test_the_name_of_the_output_decides(tmp_path, monkeypatch, content, output, flags, is_film):
    import neural_style

    monkeypatch.chdir(tmp_path)
    still, *others = [Image.fromarray(each) for each in files.frames(3)]
    still.save("still.gif")
    still.save("moving.gif", save_all=True, append_images=others)
    options = neural_style.parse(["--content", *content, "--styles", "s.jpg", "--output", output, *flags])
    assert names.asks_for_film(options) is is_film


REFUSED = {
    "out.avi": ([], 2, "cannot write out.avi: videos are written as .mp4, .mov or .mkv"),
    "out/{content}.mp4": ([], 2, "a film is one file; write its name without braces"),
    "out.mp4": (["--depth", "16"], 2, "--depth 16 is for pictures, and out.mp4 is a film of 8 bits a channel"),
    "f%d.png": (["--frames", "9:12"], 2, "--frames begins at 9, and clip.mp4 has 5 frames"),
    "g%d.png": (["--frames", "5:2"], 2, "--frames must be FIRST:LAST:STEP, as in 1:48 or ::2"),
    "h%d.png": (["--fps", "0"], 2, "--fps must be frames a second, between 0.01 and 1000, not '0'"),
    "i%d.png": (["--pairs", "all"], 2, "--pairs is for pictures, and i%d.png is a film; leave it out"),
    "j%d.png": (["--video-quality", "99"], 2, "--video-quality must be between 0 and 51, not 99"),
    "clip.mp4": ([], 1, "clip.mp4 exists; choose another name or give --overwrite"),
    "nowhere": (["--frames", "2"], 2, "cannot write nowhere: videos are written as"),
}


@pytest.mark.parametrize("output", REFUSED)
def test_what_is_refused(film, output):
    flags, status, sentence = REFUSED[output]
    before = sorted(os.listdir())
    found, _, err = film(output, *flags)
    assert sentence in err
    assert (found, "Traceback" in err, sorted(os.listdir())) == (status, False, before)


def test_a_film_is_no_input_of_itself(film):
    status, _, err = film("clip.mp4", "--overwrite")
    assert (status, "clip.mp4 is an input of this run" in err) == (2, True)


def test_a_truncated_clip(film):
    files.write(Path("whole.mp4"), files.frames(60), movflags="+faststart")
    data = Path("whole.mp4").read_bytes()
    Path("clip.mp4").write_bytes(data[: len(data) // 2])
    status, _, err = film("out.mp4")
    assert status == 1
    assert "clip.mp4 is truncated: it holds " in err
    assert film("out.mp4", "--frames", ":4")[0] == 0
    assert len(read_film("out.mp4")[1]) == 4


def test_flags_of_films_have_no_effect_on_pictures(command, plans):
    err = command("--fps", "8", "--video-quality", "3")[2]
    for flag in ("--fps", "--video-quality"):
        assert f"{flag} has no effect on a picture; it is for a film, as out.mp4" in err


def test_without_the_packages_a_sentence_says_what_to_install(film, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    status, _, err = film("out.mp4")
    assert status == 1
    assert "error: this film needs av: python -m pip install " in err
    assert "[video]" in err


def test_an_interrupted_instant_film_leaves_nothing(film, monkeypatch):
    interrupt_previews(monkeypatch)
    before = sorted(os.listdir())
    status, _, err = film("out.mp4")
    assert status == 130
    assert "interrupted after 0 of 5 frames" in err
    assert sorted(os.listdir()) == before


@pytest.mark.exhaustive
@pytest.mark.parametrize(("output", "unwanted"), [("c.jpg", {"av", "cv2"}), ("c.mp4", {"tensorflow"})])
def test_nothing_slow_is_imported_before_mistakes_are_found(tmp_path, output, unwanted):
    """PyAV and OpenCV take a quarter of a second, and TensorFlow takes seconds."""
    code = f"import neural_style, sys; neural_style.main(sys.argv[1:]); print({unwanted} & set(sys.modules))"
    inputs = ["--content", "a.jpg", "--styles", "b.jpg", "--output", output]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code, *inputs]
    done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "set()\n"
