"""The form: dials made from flags, and command lines made from requests."""

import shlex

import numpy as np
import pytest
from PIL import Image

import neural_style
from brushwork.presets import PRESETS
from brushwork.settings import DEFAULTS, option
from brushwork.studio import requests
from brushwork.studio.refusals import Missing, Wrong
from brushwork.studio.storage import Storage


@pytest.fixture
def storage(tmp_path, random):
    """An storage with a photograph "c", and paintings "a" and "b"."""
    storage, numbers = Storage(tmp_path / "storage"), {}
    for name, size in (("c", (40, 30)), ("a", (20, 30)), ("b", (30, 20))):
        path = tmp_path / f"{name}.png"
        Image.fromarray(random.integers(0, 256, (*size[::-1], 3)).astype(np.uint8)).save(path)
        numbers[name] = storage.uploads.add(path, path.name).number
    storage.named = numbers
    return storage


def line(storage, styles=("a",), output="out.png", network=None, **asked):
    asked |= {"content": storage.named["c"], "network": asked.pop("network_asked", None)}
    chosen = [style if isinstance(style, dict) else {"picture": storage.named[style]} for style in styles]
    return requests.command_line(asked | {"styles": chosen}, storage, network, output=output)


def settings_of(argv):
    """What the command makes of a command line, by the names of the settings."""
    return vars(neural_style.parse(argv))


def test_every_setting_is_on_the_page_once():
    found = requests.description(None)
    dials = ["long_side", "style_scales", "strength", "colors", "color_strength"]
    names = [*dials, *(dial["name"] for dial in found["more"])]
    assert sorted(names) == sorted(set(DEFAULTS) - {"style_blend_weights"})
    assert all(dial["help"] and dial["flag"] == option(dial["name"]) for dial in found["more"])
    assert {dial["name"]: dial["kind"] for dial in found["more"]}["box"] == "switch"
    assert {dial["name"]: dial["rule"] for dial in found["more"]}["tv_weight"] == "a number not below 0"
    assert {dial["group"] for dial in found["more"]} == {"pictures", "look", "optimisation"}
    assert {"image/*", ".png", ".jpeg", ".tiff", ".hdr"} <= set(found["accept"].split(","))
    assert list(found["presets"]) == sorted(PRESETS, key=list(found["presets"]).index)
    assert found["presets"]["painterly"]["values"]["style_loss"] == ["wasserstein:1", "nearest:0.8"]
    assert found["presets"]["classic"]["values"] | {"style_layers": []} == requests._plain(DEFAULTS)


def test_a_request_becomes_a_command_line(storage):
    argv = line(
        storage, settings={"strength": 2, "box": True, "content_layers": "relu3_1 relu4_2:0.5", "tv_weight": ""}
    )
    options = settings_of(argv)
    assert options["preset"] == "painterly"
    assert options["strength"] == 2.0
    assert options["box"] is True
    assert options["content_layers"] == ["relu3_1", "relu4_2:0.5"]
    assert "tv_weight" not in options
    assert options["content"] == [storage.uploads.find(storage.named["c"]).path]
    assert settings_of(line(storage, settings={"box": False}))["box"] is False


def test_weights_and_one_size_of_strokes_for_all(storage):
    weighted = [{"picture": storage.named["a"], "weight": 0.5}, {"picture": storage.named["b"], "weight": 2}]
    options = settings_of(line(storage, weighted, settings={"style_scales": 1.5}))
    assert options["style_blend_weights"] == [0.5, 2]
    assert options["style_scales"] == [1.5, 1.5]
    assert "style_blend_weights" not in settings_of(line(storage, ("a", "b")))


@pytest.mark.parametrize(
    ("preset", "quality", "expected"),
    [
        ("painterly", "normal", None),
        ("painterly", "fine", [2 * count for count in PRESETS["painterly"]["scale_iterations"]]),
        ("fast", "sketch", 75),
        ("classic", "fine", 2000),
    ],
)
def test_quality_is_a_factor_on_the_iterations(storage, preset, quality, expected):
    options = settings_of(line(storage, preset=preset, quality=quality))
    assert options.get("scale_iterations", options.get("iterations")) == expected
    given = settings_of(line(storage, preset=preset, quality=quality, settings={"iterations": "7"}))
    assert (given["iterations"], given.get("scale_iterations")) == (7, None)


@pytest.mark.parametrize(
    ("studio", "asked", "chosen"),
    [
        (None, None, None),
        (None, "pocket", "pocket"),
        (None, "vgg19", "vgg19"),
        (None, "/etc/passwd", None),  # a page names no file
        ("net.mat", None, "net.mat"),
        ("net.mat", "pocket", "net.mat"),
    ],
)
def test_the_network_is_the_studio_s_or_one_of_two_names(storage, studio, asked, chosen):
    assert settings_of(line(storage, network=studio, network_asked=asked))["network"] == chosen


def test_the_page_offers_the_networks_that_are_there(monkeypatch):
    for cached, offered in ((False, ["pocket"]), (True, ["pocket", "vgg19"])):
        monkeypatch.setattr(requests.store, "cached", lambda cached=cached: cached)
        assert requests.description(None)["networks"] == offered
        assert requests.description("net.mat")["networks"] == []


def test_a_picture_without_a_painting_is_refused(storage):
    with pytest.raises(ValueError, match="choose a painting"):
        line(storage, styles=())


def test_a_style_without_a_mask_applies_where_no_mask_is_white(storage, tmp_path):
    mask = np.zeros((30, 40), np.uint8)
    mask[:, :10] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    number = storage.uploads.add(tmp_path / "mask.png", "mask", "mask").number
    styles = [{"picture": storage.named["a"], "mask": number}, {"picture": storage.named["b"], "mask": None}]
    options = settings_of(line(storage, styles))
    masks = [np.array(Image.open(path).convert("L")) for path in options["style_masks"]]
    np.testing.assert_array_equal(masks[0], mask)
    np.testing.assert_array_equal(masks[1], 255 - mask)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"preset": "lovely"}, "there is no preset lovely"),
        ({"settings": {"output": "/etc/passwd"}}, "there is no setting output"),
        ({"settings": {"state": "x"}}, "there is no setting state"),
        ({"settings": {"initial": "/etc/passwd"}}, "--initial must be noise, content or style"),
        ({"settings": {"tv_weight": "much"}}, "--tv-weight must be a number"),
        ({"settings": {"strength": "-1"}}, "--strength must be a number above 0"),
        ({"settings": {"style_layers": "--overwrite"}}, "there is no layer '--overwrite'"),
        ({"settings": {"style_loss": "--output=x"}}, "--style-loss must be one of"),
        ({"settings": {"style_size": "--output x"}}, "--style-size must be"),
        ({"settings": {"width": "64", "height": "64"}}, "--width and --height both set"),
        ({"settings": {"content_layers": "relu4_2 x; rm -rf /"}}, "there is no layer"),
    ],
    ids=str,
)
def test_what_cannot_be_painted_is_refused_in_a_sentence(storage, asked, sentence):
    with pytest.raises(ValueError, match=sentence):
        line(storage, **asked)


def test_every_wrong_value_is_told_with_its_field(storage):
    settings = {"tv_weight": "much", "iterations": "x", "strength": 2}
    with pytest.raises(Wrong) as raised:
        line(storage, settings=settings)
    assert [reason.fields for reason in raised.value.reasons] == [("tv_weight",), ("iterations",)]
    with pytest.raises(Wrong) as raised:
        line(storage, settings={"tv_weight": "-1", "content_detail": "2"}, quality="fine")
    assert [reason.fields for reason in raised.value.reasons] == [("content_detail",), ("tv_weight",)]
    with pytest.raises(Wrong) as raised:
        line(storage, preset="lovely")
    assert raised.value.reasons[0].fields == ("preset",)


@pytest.mark.parametrize(
    "weight", [10**400, -1, float("inf"), -(10**400)], ids=lambda weight: f"{float(str(weight)):g}"
)
def test_weights_that_are_no_numbers_are_refused(storage, weight):
    styles = [{"picture": storage.named["a"]}, {"picture": storage.named["b"], "weight": weight}]
    with pytest.raises(Wrong, match="the weight of a painting must be a number not below 0") as raised:
        line(storage, styles)
    assert raised.value.reasons[0].styles == (1,)


def test_one_weight_must_be_above_zero(storage):
    with pytest.raises(Wrong, match="at least one painting needs a weight above 0"):
        line(storage, [{"picture": storage.named["a"], "weight": 0}])


def test_pictures_that_are_gone_are_named(storage):
    for content, style, fields, styles in (("x", "a", ("content",), ()), ("c", "x", (), (1,))):
        asked = {"content": storage.named.get(content, content)}
        asked["styles"] = [{"picture": storage.named["b"]}, {"picture": storage.named.get(style, style)}]
        with pytest.raises(Missing, match="is no longer there") as raised:
            requests.command_line(asked, storage, None, output="x.png")
        assert (raised.value.reasons[0].fields, raised.value.reasons[0].styles) == (fields, styles)


def test_there_are_not_too_many_paintings(storage):
    with pytest.raises(Wrong, match="at most 8 paintings are possible, not 9"):
        line(storage, "a" * 9)


@pytest.mark.parametrize(
    ("levels", "sentence", "styles"),
    [
        ((0, None), "the mask of a is empty; draw where it applies", (0,)),
        ((255, 0), "the mask of b is empty; draw where it applies", (1,)),
        ((255, None), "the masks cover the whole photograph, and leave nothing for b", (1,)),
        ((255, 255), None, None),
        ((128, None), None, None),
    ],
    ids=str,
)
def test_masks_without_effect_are_refused(storage, tmp_path, levels, sentence, styles):
    asked = []
    for name, level in zip("ab", levels, strict=True):
        asked.append({"picture": storage.named[name], "mask": None})
        if level is not None:
            Image.new("L", (40, 30), level).save(tmp_path / "mask.png")
            asked[-1]["mask"] = storage.uploads.add(tmp_path / "mask.png", "mask", "mask").number
    if sentence is None:
        assert "--style-masks" in line(storage, asked)
        return
    for refused in (lambda: line(storage, asked), lambda: preview_line(storage, asked)):
        with pytest.raises(Wrong) as raised:
            refused()
        assert (str(raised.value), raised.value.reasons[0].styles) == (sentence, styles)


def preview_line(storage, styles):
    asked = {"content": storage.named["c"], "styles": styles}
    return requests.preview_command_line(asked, storage, output="x.jpg")


def test_the_command_line_to_copy_is_one_for_a_shell(storage):
    argv = line(storage, output="/a folder/0001-x.png")
    copied = shlex.split(requests.to_copy(argv, "0001-x"))
    assert copied == ["neural-style", *argv[:-1], "0001-x.png"]


def test_a_preview_has_the_colours_and_weights(storage):
    asked = {"content": storage.named["c"], "styles": [{"picture": storage.named["a"]}]}
    settings = {"colors": "luma", "color_strength": 0.5, "tv_weight": 3}
    options = settings_of(requests.preview_command_line(asked | {"settings": settings}, storage, output="i.jpg"))
    assert (options["instant"], options["colors"], options["color_strength"]) == (True, "luma", 0.5)
    assert options["long_side"] == 512
    assert "tv_weight" not in options
    plain = settings_of(
        requests.preview_command_line(asked | {"settings": {"color_strength": 0.5}}, storage, output="i.jpg")
    )
    assert "color_strength" not in plain


def test_quality_multiplies_the_iterations_of_the_scales_that_are_left(storage):
    counts = PRESETS["painterly"]["scale_iterations"]
    for scales, left in (("2", 2), ("60 100", 3)):
        argv = line(storage, quality="fine", settings={"scales": scales})
        assert settings_of(argv)["scale_iterations"] == [2 * count for count in counts[-left:]]
