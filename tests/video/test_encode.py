"""Films as files: colours, sides, times, sound and metadata, read again by PyAV and Pillow."""

from fractions import Fraction

import av
import numpy as np
import pytest

from brushwork import files as whole_files
from brushwork.errors import MetadataError, PictureError
from brushwork.pictures import metadata
from brushwork.video import about, clips, encode
from brushwork.video.clip import Timing
from tests.video import files

TIMES = [0, 1, 2, 5, 6, 7, 20, 21, 22]
TIMING = Timing(TIMES, 4, Fraction(1, 25), Fraction(10))
FLAGS = {"flags": ["--seed", "3"]}
BARS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (255, 255, 255), (0, 0, 0)]


def read(path):
    clip = clips.open_clip([str(path)], Fraction(25))
    return clip, list(clip.frames(lambda *size: size, range(len(clip.timing.starts))))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.gif", "a.webp", "a.apng"])
def test_frames_and_times(tmp_path, name):
    path = str(tmp_path / name)
    assert encode.write_film(path, files.frames(9), encode.Recipe(TIMING, FLAGS)) == []
    clip, frames = read(path)
    starts = [float(start * clip.timing.base) for start in clip.timing.starts]
    assert starts == pytest.approx([each / 25 for each in TIMES])
    assert clip.timing.last * clip.timing.base == Fraction(4, 25)
    assert max(np.abs(frame - files.picture(number)).mean() for number, frame in enumerate(frames)) < 9
    read_about = about.read if name[2:] in ("mp4", "mov", "mkv") else metadata.read
    assert read_about(path) == FLAGS


def test_greys_and_saturated_colours(tmp_path):
    """Grey ramps within 2 levels and saturated bars within 4, away from edges: 4:2:0 mixes the colours there."""
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[np.newaxis, :, np.newaxis], (32, 256, 3))
    bars = np.repeat(np.array(BARS, np.uint8)[np.newaxis], 32, axis=1).reshape(1, 256, 3).repeat(32, axis=0)
    timing = Timing([0, 1], 1, Fraction(1, 25), Fraction(25))
    encode.write_film(str(tmp_path / "a.mp4"), [ramp, bars], encode.Recipe(timing))
    _, (grey, colours) = read(tmp_path / "a.mp4")
    assert np.abs(grey - ramp).max() <= 2
    inside = np.arange(256) % 32
    inside = (inside >= 8) & (inside < 24)
    assert np.abs(colours - bars)[:, inside].max() <= 4
    with av.open(str(tmp_path / "a.mp4")) as container:
        context = container.streams.video[0].codec_context
        tags = context.colorspace, context.color_primaries, context.color_trc, context.color_range
        assert (*tags, context.pix_fmt) == (1, 1, 1, 1, "yuv420p")


@pytest.mark.parametrize("size", [(1, 1), (35, 63), (35, 64), (36, 63)])
def test_odd_sides_get_a_row_and_a_column_more(tmp_path, size):
    levels = files.picture(0, *size)
    timing = Timing([0], 1, Fraction(1, 25), Fraction(25))
    encode.write_film(str(tmp_path / "a.mp4"), [levels], encode.Recipe(timing))
    clip, (frame,) = read(tmp_path / "a.mp4")
    assert clip.size == tuple(side + side % 2 for side in size)
    assert np.abs(frame[: size[0], : size[1]] - levels).mean() < 12


def packets(path):
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        found = [(float(each.pts * each.time_base), bytes(each)) for each in container.demux(stream) if each.size]
        return stream.codec_context.name, found


def test_sound_is_copied_byte_for_byte(tmp_path):
    files.write(tmp_path / "a.mp4", files.frames(9), sound="aac")
    timing = Timing(range(9), 1, Fraction(1, 25), Fraction(25))
    recipe = encode.Recipe(timing, sound=str(tmp_path / "a.mp4"))
    assert encode.write_film(str(tmp_path / "b.mp4"), files.frames(9), recipe) == []
    assert packets(tmp_path / "b.mp4") == packets(tmp_path / "a.mp4")


def test_sound_of_a_part_begins_with_it(tmp_path):
    files.write(tmp_path / "a.mp4", files.frames(50), sound="aac")
    timing = Timing(range(10), 1, Fraction(1, 25), Fraction(25))
    recipe = encode.Recipe(timing, sound=str(tmp_path / "a.mp4"), sound_begins=Fraction(1))
    encode.write_film(str(tmp_path / "b.mp4"), files.frames(10), recipe)
    _, whole = packets(tmp_path / "a.mp4")
    _, part = packets(tmp_path / "b.mp4")
    wanted = [(time - 1, data) for time, data in whole if 1 <= time < 1.4]
    assert [data for _, data in part] == [data for _, data in wanted]
    assert [time for time, _ in part] == pytest.approx([time for time, _ in wanted], abs=0.001)


def test_sound_that_a_container_does_not_hold_is_encoded(tmp_path):
    files.write(tmp_path / "a.mov", files.frames(9), sound="pcm_s16le")
    timing = Timing(range(9), 1, Fraction(1, 25), Fraction(25))
    recipe = encode.Recipe(timing, sound=str(tmp_path / "a.mov"))
    remarks = encode.write_film(str(tmp_path / "b.mp4"), files.frames(9), recipe)
    assert remarks == ["has the sound as AAC, since mp4 holds no pcm_s16le"]
    assert packets(tmp_path / "b.mp4")[0] == "aac"


def test_some_frames_are_shown_until_the_next_of_them():
    timing = encode.selected(TIMING, range(1, 9, 3))
    assert timing == Timing([0, 5, 20], 5, Fraction(1, 25), Fraction(10, 3))
    assert timing.duration(1) == 15
    assert timing.duration(2) == 5


def test_a_film_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def failing():
        yield files.picture()
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.mp4"
    path.write_bytes(b"before")
    with pytest.raises(PictureError, match=r"cannot write .*a.mp4: No space left on device"):
        encode.write_film(str(path), failing(), encode.Recipe(TIMING), whole_files.replacing)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["a.mp4"]


def test_a_film_without_settings(tmp_path):
    files.write(tmp_path / "a.mp4", files.frames(2))
    (tmp_path / "b.mp4").write_text("no film")
    for name in ("a.mp4", "b.mp4"):
        with pytest.raises(MetadataError, match="it holds no settings of neural_style; give a film that it made"):
            about.read(str(tmp_path / name))
    with pytest.raises(MetadataError, match="cannot read nowhere.mp4: No such file"):
        about.read("nowhere.mp4")
