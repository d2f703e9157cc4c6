"""Clips: frames, sizes, times and colours of videos, animations and pictures, and what cannot be read."""

from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.video import clips
from brushwork.video.containers import rgb_of
from tests.video import files

FRAMES = files.frames(9)
VARIABLE = [0, 1, 2, 5, 6, 7, 20, 21, 22]
CODING = 4  # levels: H.264 at crf 4, and colours of half the resolution


def own_size(height, width):
    return height, width


def read(path, numbers=None, size=own_size):
    clip = clips.open_clip([str(path)], Fraction(25))
    return clip, list(clip.frames(size, numbers or range(len(clip.timing.starts))))


def assert_alike(frames, levels):
    assert len(frames) == len(levels)
    for frame, wanted in zip(frames, levels, strict=True):
        assert frame.dtype == np.float32
        assert np.abs(frame - wanted).mean() < CODING


def seconds(timing):
    return [float(start * timing.base) for start in timing.starts]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("a.mov", {"sound": "pcm_s16le"}),
        ("a.mkv", {"sound": "aac"}),
        ("a.webm", {"codec": "libvpx-vp9"}),
        ("a.ts", {}),
        ("ten.mp4", {"pix_fmt": "yuv420p10le"}),
        ("full.mp4", {"pix_fmt": "yuv444p"}),
        ("fast.mp4", {"movflags": "+faststart"}),
    ],
)
def test_a_video(tmp_path, name, options):
    files.write(tmp_path / name, FRAMES, **options)
    clip, frames = read(tmp_path / name)
    assert clip.size == (36, 64)
    assert_alike(frames, FRAMES)
    starts = np.subtract(seconds(clip.timing), seconds(clip.timing)[0])
    assert starts == pytest.approx([number / 25 for number in range(9)], abs=0.003)
    assert clip.timing.last * clip.timing.base == pytest.approx(0.04, abs=0.01)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_a_variable_rate(tmp_path, name):
    files.write(tmp_path / name, FRAMES, starts=VARIABLE)
    clip, frames = read(tmp_path / name)
    assert_alike(frames, FRAMES)
    assert seconds(clip.timing) == pytest.approx([start / 25 for start in VARIABLE])


@pytest.mark.parametrize(("degrees", "turns"), [(90, -1), (180, 2), (270, 1)])
def test_a_rotation_in_the_header(tmp_path, degrees, turns):
    """By ISO 14496-12, the matrix turns the picture clockwise by so many degrees."""
    files.write(tmp_path / "a.mp4", FRAMES[:3], rotation=degrees)
    clip, frames = read(tmp_path / "a.mp4")
    wanted = [np.rot90(each, turns) for each in FRAMES[:3]]
    assert clip.size == wanted[0].shape[:2]
    assert_alike(frames, wanted)


def test_odd_sides_and_one_frame(tmp_path):
    levels = [files.picture(0, 35, 63)]
    files.write(tmp_path / "a.webm", levels, codec="libvpx-vp9")
    clip, frames = read(tmp_path / "a.webm")
    assert clip.size == (35, 63)
    assert_alike(frames, levels)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_some_frames_are_found_from_any_place(tmp_path, name):
    """Whatever the key frames are; the encoder puts one at every fourth frame."""
    levels = files.frames(24)
    files.write(tmp_path / name, levels)
    for numbers in (range(5, 6), range(8, 12), range(3, 24, 5), range(23, 24)):
        assert_alike(read(tmp_path / name, numbers)[1], [levels[number] for number in numbers])


def test_a_size(tmp_path):
    files.write(tmp_path / "a.mp4", FRAMES)
    _, frames = read(tmp_path / "a.mp4", size=lambda height, width: (height // 2, width // 2))
    assert {frame.shape for frame in frames} == {(18, 32, 3)}
    assert np.abs(frames[0] - FRAMES[0][::2, ::2]).mean() < 10


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_an_animation(tmp_path, name):
    first, *others = [Image.fromarray(each) for each in FRAMES]
    lossless = {"lossless": True} if name == "a.webp" else {}
    durations = [40, 40, 120, 40, 40, 520, 40, 40, 80]
    first.save(tmp_path / name, save_all=True, append_images=others, duration=durations, **lossless)
    clip, frames = read(tmp_path / name)
    assert seconds(clip.timing) == pytest.approx([start / 25 for start in VARIABLE])
    assert clip.timing.last * clip.timing.base == Fraction(8, 100)
    assert len(frames) == 9
    assert max(np.abs(frame - each).mean() for frame, each in zip(frames, FRAMES, strict=True)) < 8


def test_transparent_parts_of_an_animation_are_white(tmp_path):
    clear = Image.new("RGBA", (8, 6), (9, 9, 9, 0))
    red = Image.new("RGBA", (8, 6), (255, 0, 0, 255))
    red.save(tmp_path / "a.png", save_all=True, append_images=[clear], duration=50, disposal=1, blend=0)
    assert [frame[0, 0].tolist() for frame in read(tmp_path / "a.png")[1]] == [[255, 0, 0], [255, 255, 255]]


def test_pictures_by_a_pattern_come_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 2, 9, 1):
        Image.fromarray(files.picture(number)).save(tmp_path / f"f{number}.png")
    Image.fromarray(files.picture(3)).save(tmp_path / "g3.png")
    clip, frames = read(tmp_path / "f%d.png")
    assert [path.rpartition("/")[2] for path in clip.paths] == ["f1.png", "f2.png", "f9.png", "f10.png"]
    for frame, number in zip(frames, (1, 2, 9, 10), strict=True):
        np.testing.assert_array_equal(frame, files.picture(number))
    assert seconds(clip.timing) == [0, 0.04, 0.08, 0.12]


def test_hdr_has_white_at_203_nits():
    """SMPTE ST 2084 gives 203 cd/m2 the value 0.5807."""
    levels = np.full((16, 16, 3), round(0.5807 * 65535), np.uint16)
    frame = av.VideoFrame.from_ndarray(levels, format="rgb48le").reformat(format="yuv444p10le")
    frame.color_trc, frame.color_primaries, frame.colorspace, frame.color_range = 16, 9, 9, 1
    assert np.abs(rgb_of(frame) - 255).max() < 3


REFUSED = {
    "text.mp4": (lambda data: b"no video at all", "it is no video, or damaged or truncated"),
    "end.mp4": (lambda data: data[: len(data) // 2], "it is no video, or damaged or truncated"),
    "empty.mp4": (lambda data: b"", "it is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_video(tmp_path, name):
    change, reason = REFUSED[name]
    files.write(tmp_path / "a.mp4", FRAMES)
    (tmp_path / name).write_bytes(change((tmp_path / "a.mp4").read_bytes()))
    with pytest.raises(PictureError) as refusal:
        read(tmp_path / name)
    assert str(refusal.value) == f"cannot read {tmp_path / name}: {reason}"


def test_a_truncated_video_says_what_it_lacks(tmp_path):
    files.write(tmp_path / "a.mp4", files.frames(60), movflags="+faststart")
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "b.mp4").write_bytes(data[: len(data) // 2])
    clip, _ = read(tmp_path / "b.mp4")
    assert 0 < len(clip.timing.starts) < clip.declared == 60


def test_only_sound(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        files._write_tone(container, container.add_stream("aac", rate=8000, layout="mono"), 0.5)
    with pytest.raises(PictureError, match="there is no video in it"):
        read(tmp_path / "a.mp4")


def test_no_file_matches():
    with pytest.raises(PictureError, match=r"cannot read nowhere/f%d.png: No such file or directory"):
        read("nowhere/f%d.png")
