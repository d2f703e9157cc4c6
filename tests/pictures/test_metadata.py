"""Metadata: every picture is made again from what its file holds; nothing else in a file is believed."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from brushwork import VERSION
from brushwork.digest import digest_of
from brushwork.errors import MetadataError
from brushwork.pictures import formats, metadata
from brushwork.presets import PRESETS
from brushwork.settings import Settings

FLAGS = ["--iterations", 3, "--tv-weight", 50, "--style-layers", "relu1_1", "relu2_1:0.3", "--box", "--colors", "luma"]


def test_about():
    settings = Settings(iterations=7, initial="secret/photo.png", style_blend_weights=(1, 0.5), box=True)
    losses = {"content": 1.0, "style": 2.0, "tv": 3.0, "total": 6.0}
    step = SimpleNamespace(iteration=5, lowest=5.5, losses=losses, term_losses=losses, image="no JSON")
    assert json.loads(json.dumps(metadata.about(settings, "abc", step))) == {
        "program": f"neural_style {VERSION}",
        "flags": ["--style-blend-weights", "1", "0.5", "--box", "--iterations", "7"],
        "network": "abc",
        "iterations": 5,
        "loss": 5.5,
        "losses": losses,
    }


def test_flags_of_a_start_that_is_not_a_path():
    assert metadata.flags_of(Settings()) == []
    assert metadata.flags_of(Settings(initial="content", epsilon=0.1)) == ["--initial", "content", "--eps", "0.1"]


@pytest.mark.parametrize("preset", PRESETS)
def test_flags_of_settings_make_them_again(preset):
    import neural_style

    settings = Settings(**PRESETS[preset])
    needed = ["--content", "a", "--styles", "b", "--output", "c"]
    options = vars(neural_style.make_parser().parse_args([*metadata.flags_of(settings), *needed]))
    given = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items() if hasattr(settings, name)}
    assert Settings(**given) == settings


def file_with(flags, **more):
    """The bytes of a PNG with these flags in its metadata."""
    file = io.BytesIO()
    options = metadata.save_options(formats.FORMATS["PNG"], {"flags": flags, **more})
    Image.new("RGB", (4, 4)).save(file, "PNG", **options)
    return file.getvalue()


def plain(kind):
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind)
    return file.getvalue()


def test_known_flags_and_any_values_are_read(tmp_path):
    flags = ["--iterations", "many", "--eps", "1"]
    (tmp_path / "x.png").write_bytes(file_with(flags, other=[1]))
    assert metadata.read(tmp_path / "x.png") == {"flags": flags, "other": [1]}


REFUSED = {
    "another flag": file_with(["--output", "elsewhere.png"]),
    "another flag with its value": file_with(["--output=elsewhere.png"]),
    "a shortened flag": file_with(["--iter", "3"]),
    "help": file_with(["-h"]),
    "the network": file_with(["--network", "vgg19"]),
    "a list in the list": file_with([["--iterations"]]),
    "a number in the list": file_with([3]),
    "a number": file_with(7),
    "a text": file_with("x"),
    "a dictionary": file_with({"--iterations": 3}),
    "too much": file_with(["--iterations", "9" * 200_000]),
    **{f"nothing, {kind}": plain(kind) for kind in ("PNG", "JPEG", "TIFF", "WEBP")},
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_metadata_is_refused(tmp_path, name):
    path = tmp_path / "x.png"
    path.write_bytes(REFUSED[name])
    with pytest.raises(MetadataError) as error:
        metadata.read(path)
    assert (
        str(error.value)
        == f"cannot take settings from {path}: it holds no settings of neural_style; give a picture that it saved"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"not a picture", "not a picture in a known format"), (b"", "it is empty")],
)
def test_files_without_a_place_for_metadata_are_refused(tmp_path, data, reason):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(MetadataError, match=f"cannot read {tmp_path / 'x.png'}: {reason}"):
        metadata.read(tmp_path / "x.png")
    with pytest.raises(MetadataError, match="cannot read .*: it is a directory"):
        metadata.read(tmp_path)


# Through the command.


@pytest.mark.parametrize("ending", [".bmp", ".tga", ".ppm", ".qoi"])
def test_a_format_that_keeps_no_settings_is_named(command, ending):
    assert command(output=f"one{ending}", iterations=0)[0] == 0
    status, _, err = command("--settings-from", f"one{ending}")
    kind = ending[1:].upper()
    able = "PNG or JPEG or WEBP or TIFF or AVIF or GIF"
    message = f"cannot take settings from one{ending}: {kind} files keep no settings; give a picture saved as {able}"
    assert (status, err) == (1, f"neural_style: error: {message}\n")


@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_a_picture_is_made_again_from_its_metadata(command, ending):
    assert command(*FLAGS, output=f"one{ending}", iterations=3)[0] == 0
    given = ["--content", "content.png", "--styles", "style.png", "--network", "net.mat"]
    status, _, err = command(*given, "--settings-from", f"one{ending}", "--output", f"two{ending}", defaults=False)
    assert status == 0, err
    assert Path(f"two{ending}").read_bytes() == Path(f"one{ending}").read_bytes()
    about = metadata.read(f"one{ending}")
    flags = "--style-layers relu1_1 relu2_1:0.3 --tv-weight 50.0 --box --colors luma --iterations 3"
    assert about["flags"] == flags.split()
    assert about["iterations"] == 3
    assert about["losses"]["total"] == pytest.approx(sum(about["losses"][name] for name in ("content", "style", "tv")))
    assert about["loss"] <= about["losses"]["total"]


def test_given_flags_win(command, plans):
    Path("one.png").write_bytes(file_with([str(flag) for flag in FLAGS]))
    assert command("--settings-from", "one.png", iterations=1)[0] == 0
    assert plans[0].settings == Settings(
        iterations=1, tv_weight=50, style_layers=("relu1_1", "relu2_1:0.3"), box=True, colors="luma"
    )
    status, _, err = command("--settings-from", "one.png", "--preset", "fast")
    assert (status, "give one of them" in err) == (2, True)


def test_the_command_refuses_other_metadata(command):
    Path("x.png").write_bytes(REFUSED["the network"])
    status, _, err = command("--settings-from", "x.png")
    message = "cannot take settings from x.png: it holds no settings of neural_style; give a picture that it saved"
    assert (status, err) == (1, f"neural_style: error: {message}\n")
    Path("x.png").write_bytes(file_with(["--iterations", "many"]))
    status, _, err = command("--settings-from", "x.png")
    assert (status, "--iterations must be a whole number, not 'many'" in err) == (2, True)


def test_metadata_contains_no_path(command):
    assert command("--initial", "other.png", output="one.png", iterations=0)[0] == 0
    text = json.dumps(metadata.read("one.png"))
    for path in ("other", "content.png", "style.png", "net.mat", str(Path.cwd())):
        assert path not in text


def test_the_digest_of_the_network(command, tiny):
    assert command(output="one.png", iterations=0)[0] == 0
    kernels = [array for pair in tiny.convolutions.values() for array in pair]
    digest = metadata.read("one.png")["network"]
    assert digest == digest_of(*kernels, tiny.mean_pixel)
