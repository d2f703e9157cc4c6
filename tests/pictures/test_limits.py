"""Limits: the memory and the processor's time that reading a picture may take, however small its file is."""

import resource
import struct
import subprocess
import sys
import time
import unicodedata
import zlib

import numpy as np
import pytest
from PIL import Image

from brushwork.errors import PictureError
from brushwork.pictures import pillow_formats, raster, read, sizes, tiff_file
from tests.helpers import picture_files
from tests.helpers.command import ROOT

MEGABYTE = 1 << 20
SLOW, LARGE = pytest.mark.exhaustive, ("gif", "png", "tif", "jpg")


def run(code, path):
    return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, cwd=ROOT)


def peak_of_reading(path, size):
    """Bytes that reading a picture in a process of its own adds to its peak."""
    code = (
        "import resource, sys; from brushwork.pictures import read; from PIL import Image; Image.init()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        f"before = peak(); read.picture(sys.argv[1], lambda *full: {size}); print(peak() - before)"
    )
    return int(run(code, path).stdout)


def tall_tiff(side):
    """A TIFF of side x side pixels, RGB, whose strips are all the same one."""
    strip = bytes(3 * side)
    tags = {256: [side], 257: [side], 258: [8] * 3, 259: [1], 262: [2], 273: [0] * side, 277: [3], 278: [1]}
    tags |= {279: [len(strip)] * side}
    start = 10 + 12 * len(tags) + 4
    tags[273] = [start + sum(4 * len(value) for value in tags.values() if len(value) > 1)] * side
    entries, values = b"", b""
    for tag, numbers in sorted(tags.items()):
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            packed, values = struct.pack("<I", start + len(values)), values + packed
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + values + strip


@pytest.mark.parametrize(
    "kind", ["alpha.png", *(pytest.param(kind, marks=SLOW) for kind in ("gif", "png", "tif", "jpg"))]
)
def test_the_peak_of_reading_is_four_times_the_result_and_200_megabytes(tmp_path, kind):
    """5000 x 5000 pixels: read whole, they would take 300 MB in float32 alone, and 400 with alpha."""
    side, path = 5000, tmp_path / f"a.{kind}"
    if kind == "tif":
        path.write_bytes(tall_tiff(side))
    else:
        mode = {"gif": "P", "png": "L", "alpha.png": "RGBA", "jpg": "RGB"}[kind]
        Image.new(mode, (side, side)).save(path, **({"compress_level": 1} if "png" in kind else {}))
    assert peak_of_reading(path, (64, 64)) < 200 * MEGABYTE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "TGA", "JPEG2000", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_large_picture_is_the_same_in_every_format(from_bytes, monkeypatch, kind, mode):
    """Photographs of 10 million pixels and more take other ways than small ones; here, those of 25 and more do."""
    data = picture_files.encoded(Image.fromarray(picture_files.texture(90, 70)).convert(mode), kind)
    small = from_bytes(data, f"a.{kind}")
    monkeypatch.setattr(pillow_formats, "_LARGE", 100)
    np.testing.assert_array_equal(from_bytes(data, f"a.{kind}"), small)


@pytest.mark.parametrize("kind", ["BMP", "PPM", "TGA"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_rows_of_a_large_picture_are_read_in_strips(from_bytes, monkeypatch, kind, mode):
    picture = Image.fromarray(picture_files.texture(90, 70)).convert(mode)
    data = picture_files.encoded(picture, kind)
    whole = from_bytes(data, f"a.{kind}")
    monkeypatch.setattr(pillow_formats, "_LARGE", 100)
    monkeypatch.setattr(raster, "STRIP_PIXELS", 700)
    np.testing.assert_array_equal(from_bytes(data, f"a.{kind}"), whole)
    np.testing.assert_array_equal(whole, np.asarray(picture.convert("RGB")))
    with pytest.raises(PictureError):
        from_bytes(data[: len(data) // 2], f"a.{kind}")


def test_a_picture_that_takes_much_memory_is_refused_before_it_is_decoded(from_bytes, monkeypatch):
    data = picture_files.encoded(picture_files.texture(90, 70), "WEBP", lossless=True)
    monkeypatch.setattr(pillow_formats, "MOST_MEMORY", 16 * 90 * 70 - 1)
    with pytest.raises(PictureError, match=r"WEBP of 70x90 pixels takes 0.0 GB to decode; save it as PNG"):
        from_bytes(data)
    monkeypatch.setattr(pillow_formats, "MOST_MEMORY", 16 * 90 * 70)
    assert from_bytes(data).shape == (90, 70, 3)


def test_a_tiff_of_a_single_strip_is_read_by_its_rows(tmp_path, monkeypatch):
    tags = {256: (5000,), 257: (5000,), 258: (8,) * 3, 277: (3,), 259: (8,), 262: (2,), 278: (5000,)}
    data = zlib.compress(bytes(75_000_000), 1)
    (tmp_path / "a.tif").write_bytes(tiff_file.write_page(tags, data, "<"))
    assert peak_of_reading(tmp_path / "a.tif", (64, 64)) < 70 * MEGABYTE  # it has 75 of bytes


def test_the_middle_of_a_narrow_picture_is_enlarged_alone():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = sizes.cover(np.full((50_000, 1, 3), 7, np.float32), 256, 256)  # 256 x 12,800,000 pixels as a whole
    np.testing.assert_allclose(result, np.full((256, 256, 3), 7), atol=1e-4)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("whole", [0, sizes.WHOLE])
@pytest.mark.parametrize("size", [(400, 30), (77, 9), (9, 9)])
@pytest.mark.parametrize("new", [(40, 3), (170, 13), (7, 1)])
def test_strips_are_resized_as_the_whole_is(monkeypatch, size, new, whole):
    monkeypatch.setattr(sizes, "WHOLE", whole)
    image = np.random.default_rng(0).random((*size, 3), np.float32) * 255
    strips = [part for part in np.split(image, [1, 5, 6, 70]) if len(part)]
    result = sizes.resample_strips(strips, size, new)
    # Where the width falls to a sixteenth, pixels are averaged first, which noise shows most.
    np.testing.assert_allclose(result, sizes.resample(image, *new), atol=2e-3 if size[1] < 16 * new[1] else 3)


def jpeg_of_scans(count):
    """A progressive JPEG whose last scan comes many times."""
    data = picture_files.encoded(Image.new("RGB", (4000, 2500)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


def pages(count):
    """A TIFF of pages of one pixel."""
    data = bytearray(b"II*\0" + struct.pack("<I", 16) + b"\xff" * 8)
    for page in range(count):
        entries = b"".join(
            struct.pack("<HHII", *each) for each in ((256, 3, 1, 1), (257, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 1))
        )
        following = len(data) + 2 + len(entries) + 4
        data += struct.pack("<H", 4) + entries + struct.pack("<I", following if page < count - 1 else 0)
    return bytes(data)


def test_a_jpeg_of_many_scans_is_refused_at_once(from_bytes):
    start = time.thread_time()
    with pytest.raises(PictureError, match=r"it has 30\d\d scans, which would take minutes"):
        from_bytes(jpeg_of_scans(3000))
    assert time.thread_time() - start < 2
    assert from_bytes(jpeg_of_scans(20)).shape == (2500, 4000, 3)


def test_a_tiff_of_many_pages_is_read(tmp_path):
    (tmp_path / "a.tif").write_bytes(pages(20_000))
    picture = read.picture(tmp_path / "a.tif")
    assert (picture.image.shape, picture.frames) == ((1, 1, 3), 10_000)


def test_a_file_that_is_parsed_for_too_long_is_refused(from_bytes, monkeypatch):
    monkeypatch.setattr(raster, "PARSING_SECONDS", 0.2)
    start = time.thread_time()
    with pytest.raises(PictureError, match=r"decoding it takes more than 0 seconds; save it again"):
        from_bytes(b"P3\n8 8\n255\n" + b"#\n" * 4_000_000 + b"1 " * 192)
    assert time.thread_time() - start < 2


def test_time_is_the_processors_and_depends_on_the_pixels(monkeypatch):
    start = time.thread_time()
    with open(__file__, "rb") as opened, raster.TimedFile(opened) as file:
        file.check()
        monkeypatch.setattr(time, "thread_time", lambda: start + 10)
        with pytest.raises(PictureError, match="more than 5 seconds"):
            file.read(1)
        file.allow(100_000_000)
        assert file.read(3) == b'"""'


def test_reading_in_threads_changes_nothing_of_the_process(tmp_path):
    """In a process of its own: standard error is where it was, and no filter for warnings was added."""
    Image.fromarray(picture_files.texture()).save(tmp_path / "a.tif")
    code = (
        "import os, sys, warnings; from concurrent.futures import ThreadPoolExecutor\n"
        "from brushwork.pictures import read\n"
        "state = lambda: (os.fstat(2).st_ino, len(warnings.filters), sorted(os.listdir('/proc/self/fd'))[:3])\n"
        "before = state()\n"
        "with ThreadPoolExecutor(8) as pool: list(pool.map(lambda _: read.image(sys.argv[1]).mean(), range(100)))\n"
        "assert state() == before; print('heard', file=sys.stderr)"
    )
    assert run(code, tmp_path / "a.tif").stderr == "heard\n"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_name_in_the_other_form_of_unicode_is_found(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    Image.fromarray(picture_files.texture()).save(tmp_path / unicodedata.normalize(form, "été.png"))
    np.testing.assert_array_equal(
        read.image(tmp_path / unicodedata.normalize(other, "été.png")), picture_files.texture()
    )
