"""Pictures tell how they were made, in every format, and are made again from it; 16 bits; transparency."""

import importlib.util
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import deep
import images
import metadata
from settings import PRESETS, Settings

FORMATS = [".png", ".jpg", ".webp", ".tiff"]
FLAGS = ["--iterations", 3, "--tv-weight", 50, "--style-layers", "relu1_1", "relu2_1:0.3", "--box", "--colors", "luma"]


@pytest.mark.parametrize("ending", FORMATS)
def test_a_picture_is_made_again_from_what_it_tells(command, ending):
    assert command(*FLAGS, output=f"one{ending}", iterations=3)[0] == 0
    given = ["--content", "content.png", "--styles", "style.png", "--network", "net.mat"]
    status, _, err = command(*given, "--settings-from", f"one{ending}", "--output", f"two{ending}", defaults=False)
    assert status == 0, err
    assert Path(f"two{ending}").read_bytes() == Path(f"one{ending}").read_bytes()
    told = metadata.read(f"one{ending}")
    assert told["flags"] == list(
        map(
            str,
            [
                "--style-layers",
                "relu1_1",
                "relu2_1:0.3",
                "--tv-weight",
                50.0,
                "--box",
                "--iterations",
                3,
                "--colors",
                "luma",
            ],
        )
    )
    assert told["program"] == metadata.SOFTWARE
    assert told["losses"]["total"] == pytest.approx(sum(told["losses"][name] for name in ("content", "style", "tv")))
    assert told["loss"] <= told["losses"]["total"]


def test_flags_on_top_win(command):
    assert command(*FLAGS, output="one.png", iterations=3)[0] == 0
    given = ["--content", "content.png", "--styles", "style.png", "--network", "net.mat", "--settings-from", "one.png"]
    assert command(*given, "--iterations", 1, "--output", "two.png", defaults=False)[0] == 0
    assert metadata.read("two.png")["flags"][-3:] == ["1", "--colors", "luma"]
    status, _, err = command(*given, "--preset", "fast", "--output", "three.png", defaults=False)
    assert (status, "give one of them" in err) == (2, True)


@pytest.mark.parametrize("preset", PRESETS)
def test_flags_of_settings_make_them_again(preset):
    import neural_style

    settings = Settings(**PRESETS[preset])
    needed = ["--content", "a", "--styles", "b", "--output", "c"]
    options = vars(neural_style.make_parser().parse_args([*metadata.flags_of(settings), *needed]))
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items() if hasattr(settings, name)}
    assert Settings(**given) == settings


def told_by(flags):
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, "PNG", **metadata.save_options("PNG", {"flags": flags}))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"no picture",
        b"",
        told_by(["--output", "elsewhere.png"]),
        told_by(["--network", "vgg19"]),
        told_by([["--iterations"]]),
        told_by(7),
        told_by(["--iterations", "9" * 200_000]),
    ],
    ids=range(7),
)
def test_what_tells_nothing_is_refused(command, data):
    Path("x.png").write_bytes(data)
    status, _, err = command("--settings-from", "x.png")
    assert status == 1
    assert err.startswith("neural_style: error: cannot ")
    assert len(err.splitlines()) == 1


def test_flags_in_a_picture_that_have_no_meaning(command):
    Path("x.png").write_bytes(told_by(["--iterations", "many"]))
    status, _, err = command("--settings-from", "x.png")
    assert status == 2
    assert "argument --iterations: invalid int value: 'many'" in err
    Image.new("RGB", (4, 4)).save("plain.jpg")
    status, _, err = command("--settings-from", "plain.jpg")
    assert (status, "it does not tell how it was made" in err) == (1, True)


def test_no_path_is_told(command):
    assert command("--initial", "other.png", output="one.png", iterations=1)[0] == 0
    text = json.dumps(metadata.read("one.png"))
    assert "other" not in text
    assert "content.png" not in text
    assert str(Path.cwd()) not in text


def rows_of_png(data):
    """The samples of an uncompressed 16-bit PNG whose rows are differences from those above, [H, W * C]."""
    import struct
    import zlib

    place, packed, header = 8, b"", None
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        body = data[place + 8 : place + 8 + length]
        assert zlib.crc32(kind + body) == struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0]
        header = struct.unpack(">IIBBBBB", body) if kind == b"IHDR" else header
        packed += body if kind == b"IDAT" else b""
        place += 12 + length
    rows = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(header[1], -1)
    assert (rows[:, 0] == 2).all()
    return header, np.cumsum(rows[:, 1:], axis=0, dtype=np.uint8).view(">u2")


@pytest.mark.parametrize("opacity", [None, np.linspace(0, 1, 63).reshape(7, 9)])
def test_sixteen_bits_in_png(tmp_path, random, opacity):
    image = random.uniform(-5, 260, (7, 9, 3))
    path = tmp_path / "a.png"
    images.save(path, image, depth=16, opacity=opacity, told={"flags": []})
    header, rows = rows_of_png(path.read_bytes())
    assert header[:4] == (9, 7, 16, 2 if opacity is None else 6)
    expected = np.rint(np.clip(image, 0, 255) * 257)
    np.testing.assert_array_equal(rows.reshape(7, 9, -1)[:, :, :3], expected)
    assert metadata.read(path) == {"flags": []}
    with Image.open(path) as picture:  # the upper 8 bits
        np.testing.assert_allclose(np.asarray(picture)[:, :, :3], expected / 257, atol=1)


@pytest.mark.skipif(not deep.has_tifffile(), reason="tifffile is not installed")
@pytest.mark.parametrize("opacity", [None, np.linspace(0, 1, 63).reshape(7, 9)])
def test_sixteen_bits_in_tiff(tmp_path, random, opacity):
    import tifffile

    image = random.uniform(-5, 260, (7, 9, 3))
    path = tmp_path / "a.tiff"
    images.save(path, image, depth=16, opacity=opacity, told={"flags": []})
    array = tifffile.imread(path)
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array[:, :, :3], np.rint(np.clip(image, 0, 255) * 257))
    assert opacity is None or np.abs(array[:, :, 3] - opacity * 65535).max() <= 129
    assert metadata.read(path) == {"flags": []}


def test_the_command_in_sixteen_bits(command, monkeypatch):
    assert command("--depth", 16, iterations=1)[0] == 0
    assert rows_of_png(Path("out.png").read_bytes())[0][:4] == (40, 30, 16, 2)
    for arguments, status, message in [
        (
            ["--depth", 16, "--output", "a.jpg"],
            1,
            "cannot write a.jpg: JPEG has no 16 bits a channel; use .png or .tiff",
        ),
        (["--depth", 12], 2, "argument --depth: invalid choice: 12"),
    ]:
        code, _, err = command(*arguments)
        assert (code, message in err) == (status, True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, _, err = command("--depth", 16, output="a.tiff")
    assert (code, "--depth 16 in TIFF needs tifffile" in err) == (1, True)


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff"])
def test_opacity_is_written(tmp_path, ending):
    opacity = np.linspace(0, 1, 1200).reshape(30, 40)
    images.save(tmp_path / f"a{ending}", np.full((30, 40, 3), 99.0), opacity=opacity, told={"flags": []})
    with Image.open(tmp_path / f"a{ending}") as written:
        assert written.mode == "RGBA"
        np.testing.assert_allclose(np.asarray(written)[:, :, 3], 255 * opacity, atol=1)


def test_the_opacity_of_the_content_is_put_back(command):
    rgba = np.random.default_rng(1).integers(0, 256, (30, 40, 4)).astype(np.uint8)
    rgba[:, :, 3] = np.linspace(0, 255, 40)
    Image.fromarray(rgba).save("content.png")
    assert command("--keep-alpha", output="a.png", iterations=1)[0] == 0
    with Image.open("a.png") as written:
        np.testing.assert_allclose(np.asarray(written)[:, :, 3], rgba[:, :, 3], atol=1)
    assert command(output="b.png", iterations=0)[0] == 0
    with Image.open("b.png") as written:
        assert written.mode == "RGB"
    status, _, err = command("--keep-alpha", output="c.jpg")
    assert (status, "cannot write c.jpg: JPEG has no transparency" in err) == (1, True)
    Image.fromarray(rgba[:, :, :3]).save("content.png")
    assert command("--keep-alpha", output="d.jpg", iterations=0)[0] == 0  # nothing to put back


def test_another_colour_space_is_said(command):
    with Image.open("content.png") as file:
        picture = file.convert("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    picture.save("content.png", icc_profile=profile.tobytes())
    _, _, err = command(iterations=0)
    assert "content.png is in " in err
    assert "; it is converted to sRGB, as the output is" in err
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save("content.png", icc_profile=srgb)
    assert "is converted" not in command(iterations=0, output="b.png")[2]


def test_the_network_is_told_by_its_digest(command, tiny, tmp_path):
    import state
    import tiny_networks

    assert command(output="one.png", iterations=0)[0] == 0
    kernels = [array for pair in tiny.convolutions.values() for array in pair]
    digest = metadata.read("one.png")["network"]
    assert digest == state.digest(*kernels, tiny.mean_pixel)
    other = tiny_networks.tiny_network(seed=2)
    tiny_networks.write_matconvnet("other.mat", other)
    assert command("--network", "other.mat", output="two.png", iterations=0)[0] == 0
    assert metadata.read("two.png")["network"] != digest
