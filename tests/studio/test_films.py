"""Films: which clips are taken, the command lines and estimates of films, and what is left of one that is stopped."""

import http.client
import io
import itertools
import os
import shlex
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import neural_style
from brushwork.errors import PictureError
from brushwork.run.worker import Progress
from brushwork.schedule import EVALUATION_OVERHEAD
from brushwork.studio import clips, queue, requests
from brushwork.studio.estimates import Estimates
from brushwork.studio.films import FIELDS
from brushwork.studio.refusals import Wrong
from brushwork.studio.storage import Storage
from brushwork.video_settings import VIDEO_SETTINGS
from tests.helpers.tiers import spot_checks
from tests.studio.conftest import Studio
from tests.studio.test_queue import workers  # noqa: F401
from tests.video import files

COUNT = 5


@pytest.fixture
def painting(tmp_path):
    """The path of a painting."""
    Image.fromarray(files.picture(3, 40, 40)).save(tmp_path / "painting.png")
    return tmp_path / "painting.png"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The path of a clip of COUNT frames, 64x36."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    files.write(path, files.frames(COUNT), sound="aac")
    return path


@pytest.fixture(scope="module")
def kept(tmp_path_factory, clip):
    """A folder with the uploads of `storage`."""
    folder = tmp_path_factory.mktemp("kept") / "storage"
    storage = Storage(folder)
    for name in ("painting.png", "photo.png"):
        path = folder / name
        Image.fromarray(files.picture(len(name), 30, 40)).save(path)
        storage.uploads.add(path, name)
    (folder / "x.part").write_bytes(clip.read_bytes())
    storage.uploads.add(folder / "x.part", "K\u00f6ln.MP4", "content")
    return folder


@pytest.fixture
def storage(kept, tmp_path):
    """A storage with a clip, a painting and a photograph, and a request of a film."""
    storage = Storage(shutil.copytree(kept, tmp_path / "storage"))
    storage.named = {upload.name: upload.number for upload in storage.uploads.all()}
    storage.asked = {"content": storage.named["K\u00f6ln"], "styles": [{"picture": storage.named["painting"]}]}
    storage.asked |= {"preset": "fast", "settings": {"iterations": "10", "long_side": 48}}
    return storage


def test_a_clip_is_kept_with_its_first_frame(storage, clip):
    upload = storage.uploads.find(storage.named["K\u00f6ln"])
    assert (upload.width, upload.height, upload.frames, upload.roles) == (64, 36, COUNT, ("content",))
    assert upload.seconds == pytest.approx(COUNT / 25)
    assert Path(upload.path).name.endswith("-K\u00f6ln.mp4")
    assert Path(upload.path).read_bytes() == clip.read_bytes()
    with Image.open(upload.view) as view:
        assert np.abs(np.asarray(view, float) - files.picture(0)).mean() < 12  # H.264 and JPEG
    public = upload.public()
    assert (public["frames"], public["roles"]) == (COUNT, ["content"])
    photo = storage.uploads.find(storage.named["photo"])
    assert (photo.frames, photo.is_clip) == (None, False)


REFUSED = {  # name of the upload -> (its bytes, of those of a clip; its role; the sentence)
    "clip.mp4": (lambda data: data, "style", "clip is a clip, which can only take the place of the photograph"),
    "text.mp4": (lambda data: b"some text", "content", "cannot read text: it is no video, or damaged or truncated"),
    "cut.mp4": (lambda data: data[: len(data) // 2], None, "cannot read cut: it is no video, or damaged or truncated"),
    "list.mp4": (
        lambda data: b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        "content",
        "cannot read list: it is no video",
    ),
    "picture.mp4": (lambda data: png(), "content", "cannot read picture: a video of the kind png_pipe is not taken"),
}


def png():
    file = io.BytesIO()
    Image.fromarray(files.picture()).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("name", spot_checks(list(REFUSED), keep=(0, 1)))
def test_what_is_no_clip_is_refused(tmp_path, clip, name):
    storage = Storage(tmp_path / "storage")
    change, role, sentence = REFUSED[name]
    (tmp_path / "x.part").write_bytes(change(clip.read_bytes()))
    with pytest.raises(PictureError, match=sentence):
        storage.uploads.add(tmp_path / "x.part", name, role)
    assert storage.uploads.all() == []
    assert list(storage.uploads.folder.iterdir()) == []


@pytest.mark.exhaustive
def test_a_truncated_clip_and_one_of_many_frames_are_refused(tmp_path, clip, monkeypatch):
    files.write(tmp_path / "whole.mp4", files.frames(60), movflags="+faststart")
    data = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "part.mp4").write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError, match="part is truncated: it holds [0-9]+ of its 60 frames"):
        clips.read(tmp_path / "part.mp4", "part")
    monkeypatch.setattr(clips, "MOST_FRAMES", 4)
    with pytest.raises(PictureError, match="clip has 5 frames; at most 4 are possible"):
        clips.read(clip, "clip")


@pytest.mark.exhaustive
def test_the_frame_of_a_large_clip_is_made_small_where_it_is_read(tmp_path):
    files.write(tmp_path / "large.mp4", files.frames(1, 1080, 1920))
    found = clips.read(tmp_path / "large.mp4", "large")
    assert (found.width, found.height, found.frame.shape) == (1920, 1080, (576, 1024, 3))


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("rotated.mp4", {"rotation": 90}, (36, 64)),
        ("ten.mkv", {"codec": "libx265", "pix_fmt": "yuv420p10le"}, (64, 36)),
        ("stream.ts", {}, (64, 36)),
        ("slow.mp4", {"starts": [0, 3, 4, 9]}, (64, 36)),
    ],
)
def test_clips_of_all_kinds_are_taken(tmp_path, name, options, size):
    files.write(tmp_path / name, files.frames(4), **options)
    found = clips.read(tmp_path / name, name)
    assert (found.width, found.height, found.frames, found.extension) == (*size, 4, Path(name).suffix)
    assert found.frame.shape == (*size[::-1], 3)
    assert found.seconds == pytest.approx(10 / 25 if "starts" in options else 4 / 25, abs=0.05)


def test_without_the_extra_a_sentence_says_what_to_install(clip, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(PictureError, match="this film needs av and opencv-python-headless: python -m pip install "):
        clips.read(clip, "clip")
    assert requests.description(None)["accept_clips"] == ""


def test_the_form_has_the_fields_of_films():
    found = requests.description(None)
    assert [field["name"] for field in found["film"]] == list(FIELDS)
    assert {field["name"]: field["default"] for field in found["film"]} == {
        "frames": "all",
        "temporal_weight": str(VIDEO_SETTINGS["temporal_weight"].default),
        "temporal_reach": "1",
        "frame_iterations": "20 15",
        "video_quality": "18",
    }
    assert ".mp4" in found["accept_clips"].split(",")


def line(storage, **changes):
    return requests.command_line(storage.asked | changes, storage, None, output="out.mp4")


def test_a_request_of_a_film_becomes_a_command_line(storage):
    given = {"frames": "2:5:2", "temporal_reach": "1 2", "temporal_weight": 0.5, "video_quality": ""}
    options = vars(neural_style.parse(line(storage, settings=given, quality="sketch")))
    assert options["content"] == [storage.uploads.find(storage.asked["content"]).path]
    assert options["frames"] == slice(1, 5, 2)
    assert (options["temporal_reach"], options["temporal_weight"]) == ([1, 2], 0.5)
    assert options["frame_iterations"] == [10, 8]  # half of the default
    assert "video_quality" not in options
    assert vars(neural_style.parse(line(storage, settings={"frame_iterations": "7"}, quality="sketch")))[
        "frame_iterations"
    ] == [7]
    assert not set(VIDEO_SETTINGS) & set(vars(neural_style.parse(line(storage))))


def test_fields_of_films_have_no_effect_on_a_picture(storage):
    argv = line(storage, content=storage.named["photo"], settings={"frames": "9", "temporal_weight": "x"})
    assert not [word for word in argv if "frames" in word or "temporal" in word]


@pytest.mark.parametrize(
    ("settings", "field", "sentence"),
    [
        ({"frames": "9:12"}, "frames", "--frames begins at 9, and K\u00f6ln has 5 frames"),
        ({"frames": "5:2"}, "frames", "--frames must be FIRST:LAST:STEP"),
        ({"temporal_weight": "-1"}, "temporal_weight", "--temporal-weight must be a number not below 0, not -1"),
        ({"temporal_reach": "much"}, "temporal_reach", "--temporal-reach must be a whole number, not 'much'"),
        ({"frame_iterations": "20 20000000"}, "frame_iterations", "--frame-iterations must be between 0 and 1000000"),
        ({"video_quality": True}, "video_quality", "--video-quality is no switch"),
    ],
)
def test_a_wrong_value_is_refused_with_its_field(storage, settings, field, sentence):
    with pytest.raises(Wrong) as refused:
        line(storage, settings=settings)
    (reason,) = refused.value.reasons
    assert reason.sentence.startswith(sentence)
    assert reason.fields == (field,)


def test_a_clip_is_no_painting(storage):
    with pytest.raises(Wrong, match="K\u00f6ln is a clip, and a painting must be a picture") as refused:
        line(storage, content=storage.named["photo"], styles=[{"picture": storage.named["K\u00f6ln"]}])
    assert refused.value.reasons[0].styles == (0,)
    for role in ("style", "mask"):
        with pytest.raises(PictureError, match="K\u00f6ln is a clip, which can only take the place of the photograph"):
            storage.uploads.add_role(storage.named["K\u00f6ln"], role)
    assert storage.uploads.add_role(storage.named["K\u00f6ln"], "content").frames == COUNT


def test_the_first_impression_is_of_one_frame(storage):
    argv = requests.preview_command_line(storage.asked, storage, output="x.jpg")
    assert argv[argv.index("--content") + 1] == storage.uploads.find(storage.asked["content"]).view
    assert "--instant" in argv


def test_the_time_is_that_of_the_first_frame_and_of_those_after_it(storage, tiny_file):
    made = Estimates(storage, network=str(tiny_file))
    made._closing.set()
    assert made.of(storage.asked)["seconds"] is None
    asked = storage.asked | {"settings": storage.asked["settings"] | {"frames": "::2"}}
    made.record(asked, progress(frames_done=1)._replace(pace=1e-3), 2.0)
    found, evaluation = made.of(asked), 48 * 27 + EVALUATION_OVERHEAD
    assert (found["width"], found["height"], found["frames"]) == (48, 27, 3)
    assert found["seconds"] == pytest.approx(2 + 1e-3 * evaluation * (11 + 2 * 16))  # the targets, and 10 or 15 steps
    assert found["disk"] == 2 * 48 * 27 * 3
    photo = asked | {"content": storage.named["photo"]}
    assert made.of(photo)["seconds"] is None  # a picture is not painted deterministically
    assert made.of(photo)["frames"] is None


def test_the_pace_is_that_of_a_frame(storage):
    asked = storage.asked | {"settings": {"frames": "2:3", "frame_iterations": "7"}}
    argv = requests.frame_command_line(asked, storage, None, output="x.png")
    options = neural_style.parse(argv)
    assert options.content == [storage.uploads.find(asked["content"]).view]
    assert (options.frames, options.deterministic, "frame_iterations" in vars(options)) == (None, True, False)


def progress(frames_done, picture=b"JPEG"):
    return Progress(
        *(1, 10, 1, 1, (48, 27), {"total": 1.0}, 0.5, 3.0, picture, (48, 27), None, 1e-6),
        frames=COUNT,
        frames_done=frames_done,
    )


def test_what_is_shown_of_a_film(storage, workers):  # noqa: F811
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    assert (picture.frames, picture.command[-1]) == (COUNT, storage.path(picture.stem, ".mp4"))
    assert picture.summary()["image"] is None
    version = picture.version
    for done, data in ((0, b"one"), (1, b"two"), (1, b"two")):
        painter.receive(painter, "progress", progress(done, data))
    assert picture.version == version + 2  # the same frame is not loaded again
    running = picture.running()
    assert (running["frames"], running["frames_done"], running["left"], running["curve"]) == (COUNT, 1, "3 s", [])
    Path(storage.path(picture.stem, ".mp4")).write_bytes(b"film")
    painter.receive(painter, "ended", 0)
    details = picture.details(storage)
    assert (details["status"], details["kinds"], details["frames_done"]) == ("done", [".mp4"], COUNT)
    assert shlex.split(details["command"])[-1] == f"{picture.stem}.mp4"
    assert details["image"]


def test_a_stopped_film_has_its_last_frame_and_is_continued(storage, workers):  # noqa: F811
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    painter.receive(painter, "progress", progress(3))
    made.stop(picture.number)
    state, folder = Path(storage.path(picture.stem, ".state")), Path(storage.frames(picture.stem).directory)
    state.write_bytes(b"state")
    folder.mkdir()
    for number in range(1, 4):
        (folder / f"frame-{number:06}.png").write_bytes(b"PNG")
    painter.receive(painter, "logged", ("error", "cannot write: No space left on device"))
    painter.receive(painter, "ended", 143)
    details = picture.details(storage)
    assert (details["status"], details["resumable"], details["kinds"], details["frames_done"]) == (
        "stopped",
        True,
        [],
        3,
    )
    assert details["reason"] == "cannot write: No space left on device"
    assert Path(storage.path(picture.stem, ".last.jpg")).read_bytes() == b"JPEG"
    made.resume(picture.number)
    assert workers[-1].tasks == [["--resume", str(state), "--overwrite"]]
    workers[-1].receive(workers[-1], "ended", 143)
    made.remove(picture.number)
    assert not list(storage.folder.rglob(f"{picture.number}-*"))


def test_why_a_film_is_not_complete(storage, workers):  # noqa: F811
    made = queue.PictureQueue(storage)
    picture, painter = made.pictures[made.add(storage.asked)], workers[-1]
    Path(storage.path(picture.stem, ".state")).write_bytes(b"state")
    painter.receive(painter, "progress", progress(2))
    painter.receive(painter, "ended", -9)
    details = picture.details(storage)
    assert (details["status"], details["resumable"], details["frames_done"]) == ("stopped", True, 2)
    assert details["reason"] == "the process that painted it was killed by signal 9; the memory may have been full"


@pytest.mark.parametrize(
    ("before", "kinds", "frames", "status"),
    [
        ("painting", (".state",), 2, "stopped"),
        ("stopping", (".mp4", ".state"), 0, "done"),
        ("painting", (), 0, "failed"),
        ("waiting", (".state",), 2, "starting"),
        ("waiting", (".mp4",), 0, "done"),
    ],
)
def test_a_server_finds_the_film_of_one_that_was_killed(
    storage,
    workers,  # noqa: F811
    before,
    kinds,
    frames,
    status,
):
    record = {"number": "0001", "stem": "0001-x", "title": "x", "asked": {}, "command": ["a"], "messages": []}
    storage.write_record(record | {"losses": [], "status": before, "frames": COUNT})
    for kind in kinds:
        Path(storage.path("0001-x", kind)).write_bytes(b"x")
    Path(storage.frames("0001-x").directory).mkdir()
    for number in range(frames):
        Path(storage.frames("0001-x").kept(number + 1)).write_bytes(b"PNG")
    picture = queue.PictureQueue(storage).pictures["0001"]
    done = COUNT if status == "done" else frames
    assert (picture.status, picture.frames_done, picture.resume) == (status, done, frames == 2)
    assert os.path.exists(storage.path("0001-x", ".state")) is (frames == 2)


@pytest.mark.exhaustive
def test_a_killed_server_continues_a_film(tmp_path, clip, painting, tiny_file):
    studios = [Studio(tmp_path / "pictures", network=tiny_file)]
    try:
        studio = studios[0]
        content, style = studio.upload(clip), studio.upload(painting)
        settings = {"iterations": "40", "frame_iterations": "40", "long_side": 64}
        asked = {"content": content, "styles": [{"picture": style}], "preset": "fast", "settings": settings}
        number = studio.paint(asked)
        until_frames(studio, number, 2)
        assert studio.ask("GET", f"/api/pictures/{number}/current")[1][:2] == b"\xff\xd8"
        studio.process.kill()
        studio.process.wait()
        studios.append(Studio(tmp_path / "pictures", network=tiny_file))
        studio = studios[1]
        details = studio.ask("GET", f"/api/pictures/{number}")[1]
        assert (details["status"] in ("starting", "painting"), details["frames_done"] >= 2) == (True, True)  # by itself
        assert studio.ask("GET", f"/api/pictures/{number}/current")[1][:2] == b"\xff\xd8"  # the first frame
        studio.ask("POST", f"/api/pictures/{number}/stop")
        details = studio.until(number, "stopped")
        assert details["resumable"]
        assert details["frames_done"] >= 2
        studio.ask("POST", f"/api/pictures/{number}/continue")
        details = studio.until(number, "done", "failed")
        assert (details["status"], details["kinds"]) == ("done", [".mp4"]), details
        check_served(studio, number)
        assert not list(tmp_path.glob("pictures/*.frames")) + list(tmp_path.glob("pictures/*.state"))
    finally:
        for studio in studios:
            studio.close()


def until_frames(studio, number, count):
    """Wait until so many frames of a film are painted."""
    for _ in itertools.count():
        pictures = studio.ask("GET", "/api/pictures")[1]
        if next(each for each in pictures if each["number"] == number)["frames_done"] >= count:
            return
        time.sleep(0.05)


def check_served(studio, number):
    """The file of a film, whole and in part."""
    whole = studio.ask("GET", f"/api/pictures/{number}/picture.mp4")[1]
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    connection.request("GET", f"/api/pictures/{number}/picture.mp4", headers={"Range": "bytes=10-19"})
    response = connection.getresponse()
    assert (response.status, response.read()) == (206, whole[10:20])
    assert response.getheader("content-type") == "video/mp4"
    assert response.getheader("content-range") == f"bytes 10-19/{len(whole)}"
    assert response.getheader("content-security-policy").startswith("default-src 'self';")
    assert response.getheader("x-content-type-options") == "nosniff"
    connection.close()
