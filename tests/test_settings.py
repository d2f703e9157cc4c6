"""The settings: defaults, presets and rules."""

import math
import re

import pytest

from brushwork.presets import PRESETS, PURPOSES
from brushwork.preview_settings import PREVIEW_SETTINGS, PreviewSettings
from brushwork.settings import DEFAULTS, SETTINGS, Settings, option, value_of


def test_defaults_of_the_classic_program():
    assert DEFAULTS == {
        "width": None,
        "height": None,
        "long_side": None,
        "initial": "noise",
        "style_size": "content",
        "style_scales": (),
        "style_margin": 0.0,
        "content_weight": 5,
        "content_layers": (),
        "content_detail": 0,
        "content_palette": 0,
        "content_transport": 0,
        "nearest_layers": (),
        "content_weight_blend": 1,
        "style_weight": 500,
        "style_layers": (),
        "style_layer_weight_exp": 1,
        "strength": 1,
        "style_loss": ("gram",),
        "normalization": "classic",
        "style_blend_weights": (),
        "tv_weight": 100,
        "tv_norm": "squares",
        "box": False,
        "pooling": "max",
        "padding": "zero",
        "initial_noiseblend": None,
        "iterations": 1000,
        "scales": (1,),
        "scale_factor": 2,
        "smallest_scale": None,
        "scale_iterations": (),
        "optimizer": "adam",
        "learning_rate": 10,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "lbfgs_memory": 10,
        "precision": "float32",
        "tile_size": "auto",
        "colors": "style",
        "color_strength": 1,
        "keep": "best",
        "seed": 0,
        "deterministic": False,
    }


def test_every_preset_as_a_literal_table():
    keras = {
        "long_side": 512,
        "initial": "content",
        "content_weight": 1000,
        "content_weight_blend": 0,
        "style_weight": 0.01,
        "normalization": "positions",
        "tv_weight": 0,
        "box": True,
        "learning_rate": 5,
        "beta1": 0.99,
        "epsilon": 0.1,
    }
    assert {
        "classic": {},
        "painterly": {
            "initial": "content",
            "content_weight": 0.3,
            "content_layers": ("relu4_2:1", "relu3_1:0.5"),
            "content_detail": 0.75,
            "content_palette": 1,
            "content_transport": 1,
            "style_weight": 1,
            "style_loss": ("wasserstein:1", "nearest:0.8"),
            "nearest_layers": ("relu1_1", "relu2_1"),
            "style_margin": 0.05,
            "tv_weight": 2e-5,
            "padding": "replicate",
            "scale_factor": 1.414,
            "smallest_scale": 90,
            "scale_iterations": (60, 50, 40, 30),
            "optimizer": "lbfgs",
            "precision": "auto",
        },
        "fast": {
            "optimizer": "lbfgs",
            "initial": "content",
            "iterations": 150,
            "precision": "auto",
            "padding": "replicate",
        },
        "keras": keras,
        "tensorflow": keras
        | {
            "content_weight": 10000,
            "tv_weight": 30,
            "tv_norm": "absolute",
            "learning_rate": 5.1,
            "epsilon": 0.1 / 255,
            "keep": "last",
        },
        "gatys": {
            "long_side": 512,
            "content_weight": 1,
            "style_weight": 1000,
            "normalization": "sums",
            "tv_weight": 0,
            "pooling": "avg",
            "optimizer": "lbfgs",
            "keep": "last",
        },
    } == PRESETS
    for values in PRESETS.values():
        assert Settings(**values)
    assert set(PURPOSES) == set(PRESETS)


def test_weights_of_layers_and_styles():
    assert Settings(content_weight=10, content_weight_blend=0.75).content_layer_weights == {
        "relu4_2": 7.5,
        "relu5_2": 2.5,
    }
    terms = Settings(style_weight=31, style_layer_weight_exp=2).style_layer_weights
    assert terms == {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4, "relu4_1": 8, "relu5_1": 16}
    assert Settings(style_weight=5, strength=2).style_layer_weights == dict.fromkeys(terms, 2)
    assert Settings(style_blend_weights=(3, 1)).blend(2) == (0.75, 0.25)
    assert Settings().blend(4) == (0.25,) * 4


LIMITS = [  # setting, values that are just valid, values that are just not
    ("width", [1], [0]),
    ("long_side", [1], [0]),
    ("style_size", [1, "content", "original"], [0, "auto"]),
    ("tile_size", [16, "auto", "none"], [15, "content"]),
    ("style_scales", [(1e-9,)], [(0.0,), (1.0, math.inf)]),
    ("style_margin", [0, 0.4], [-1e-9, 0.41]),
    ("content_weight", [0, 1e300], [-1e-9, math.inf, math.nan]),
    ("strength", [1e-9], [0, math.inf]),
    ("content_detail", [0, 1], [-1e-9, 1.001]),
    ("content_palette", [0, 1], [-1e-9, 1.001]),
    ("content_transport", [0, 1], [-1e-9, 1.001]),
    ("content_weight_blend", [0, 1], [-1e-9, 1.001]),
    ("style_layer_weight_exp", [0, 1e6], [-1e-9, 1.001e6]),
    ("style_layers", [("relu1_1:0", "relu2_1")], [("relu1_1:-1",), ("relu1_1:inf",), ("relu1_1:",), ("relu1_1",) * 2]),
    ("style_blend_weights", [(0.0, 1e-9)], [(0.0, 0.0), (1e308, 1e308), (2.0, -1.0)]),
    ("initial_noiseblend", [0, 1, None], [-1e-9, 1.001]),
    ("color_strength", [0, 1], [-1e-9, 1.001]),
    ("iterations", [0], [-1]),
    ("scales", [(1,), (12,), (13,), (5, 6)], [(0,), (6, 5), (5, 5)]),
    ("scale_iterations", [(0,)], [(-1,), (1, 1)]),
    ("scale_factor", [1.1, 16], [1.09, 16.1]),
    ("smallest_scale", [16], [15]),
    ("learning_rate", [1e-9], [0, math.inf]),
    ("beta1", [0, 0.9999], [1, -1e-9]),
    ("beta2", [0, 0.9999], [1, -1e-9]),
    ("epsilon", [1e-30], [0]),
    ("lbfgs_memory", [1, 1000], [0, 1001]),
    ("seed", [0, 2**32 - 1], [-1, 2**32]),
]


@pytest.mark.parametrize(("name", "valid", "invalid"), LIMITS, ids=[case[0] for case in LIMITS])
def test_the_limits_of_each_setting(name, valid, invalid):
    for value in valid:
        assert getattr(Settings(**{name: value}), name) == value
    for value in invalid:
        with pytest.raises(ValueError, match=f"^{option(name)}"):
            Settings(**{name: value})


def test_no_more_numbers_of_iterations_than_scales():
    for scales in ((3,), (5, 6)):
        assert Settings(scales=scales, scale_iterations=(1, 2, 3)).scale_count == 3
        with pytest.raises(ValueError, match="--scale-iterations takes at most one number for each scale: 3$"):
            Settings(scales=scales, scale_iterations=(1, 2, 3, 4))


def test_settings_that_exclude_each_other():
    with pytest.raises(ValueError, match="^--smallest-scale sets the number of scales, and so does --scales"):
        Settings(smallest_scale=100, scales=(3,))
    with pytest.raises(ValueError, match="^--normalization applies to the Gram loss only"):
        Settings(style_loss="wasserstein", normalization="sums")


def test_there_is_something_to_optimise():
    weights = dict.fromkeys(("content_weight", "style_weight", "tv_weight"), 0)
    for name in weights:
        assert Settings(**weights | {name: 1})
    with pytest.raises(ValueError, match="there is nothing to optimise$"):
        Settings(**weights)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("width", "64", 64),
        ("tv_weight", "2e-5", 2e-5),
        ("style_loss", "wasserstein, nearest:2", ("wasserstein", "nearest:2")),
        ("pooling", "AVG", "avg"),
        ("tile_size", "None", "none"),
        ("tile_size", "-5", -5),
        ("initial", "a photo.jpg", "a photo.jpg"),
        ("scale_iterations", "5, 4  3", (5, 4, 3)),
        ("content_layers", "relu3_1,relu4_2:0.5", ("relu3_1", "relu4_2:0.5")),
        ("box", True, True),
    ],
)
def test_texts_become_values(name, text, value):
    assert value_of(name, text) == value
    assert type(value_of(name, text)) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("width", "64.5", "--width must be a whole number, not '64.5'"),
        ("epsilon", "0,5", "--eps must be a number, with a point as in 0.5, not '0,5'"),
        ("scales", "2 x", "--scales must be a whole number, not 'x'"),
        ("box", "yes", "--box is on or off, not yes"),
        ("width", True, "--width is no switch, not True"),
    ],
)
def test_texts_that_are_no_values_are_refused(name, text, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        value_of(name, text)


def test_previews_share_their_settings_and_rules():
    assert PreviewSettings(style_blend_weights=(3, 1)).blend(2) == (0.75, 0.25)
    shared = set(PREVIEW_SETTINGS) & set(SETTINGS)
    assert shared == {"width", "height", "long_side", "style_blend_weights", "colors", "color_strength"}
    assert all(PREVIEW_SETTINGS[name] == SETTINGS[name] for name in shared)
    with pytest.raises(
        ValueError, match="^--width must be a number of pixels, at least 1, not 0\n--instant-strength must"
    ):
        PreviewSettings(width=0, instant_strength=1.5)
    with pytest.raises(ValueError, match="^--width and --height both set"):
        PreviewSettings(width=5, height=5)


def test_what_may_change_on_resume():
    assert [name for name, each in SETTINGS.items() if each.resumable] == [
        "iterations",
        "scale_iterations",
        "tile_size",
    ]
