"""The settings: defaults, presets and rules."""

from brushwork.settings import DEFAULTS, PRESETS, Settings


def test_defaults_of_the_classic_program():
    assert DEFAULTS == {
        "width": None,
        "long_side": None,
        "initial": "noise",
        "style_size": "content",
        "style_scales": (),
        "content_weight": 5,
        "content_layers": (),
        "content_weight_blend": 1,
        "style_weight": 500,
        "style_layers": (),
        "style_layer_weight_exp": 1,
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


def test_sizes_and_iterations_of_scales():
    # A quarter, a half and the whole; a portrait stays a portrait.
    settings = Settings(iterations=9, scales=(3,))
    assert settings.sizes(400, 300) == [(100, 75), (200, 150), (400, 300)]
    assert settings.iteration_counts == (9, 5, 3)
    assert settings.total_iterations == 17
    widths = Settings(scales=(60, 150), scale_iterations=(4, 0, 2))
    assert widths.sizes(400, 300) == [(80, 60), (200, 150), (400, 300)]
    assert (widths.iteration_counts, widths.total_iterations) == ((4, 0, 2), 6)
    assert Settings(scales=(13,)).sizes(200, 100) == [(26, 13), (200, 100)]  # a width: more than 12 scales are none
    assert Settings(scales=(12,)).sizes(1, 2)[0] == (1, 1)


def test_weights_of_layers_and_styles():
    assert Settings(content_weight=10, content_weight_blend=0.75).content_terms == {"relu4_2": 7.5, "relu5_2": 2.5}
    terms = Settings(style_weight=31, style_layer_weight_exp=2).style_terms
    assert terms == {"relu1_1": 1, "relu2_1": 2, "relu3_1": 4, "relu4_1": 8, "relu5_1": 16}
    assert Settings(style_blend_weights=(3, 1)).blend(2) == (0.75, 0.25)
    assert Settings().blend(4) == (0.25,) * 4
