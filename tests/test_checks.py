"""Calls from Python: a setting is honoured or refused, never ignored."""

import dataclasses

import numpy as np
import pytest

import vgg
from brushwork.checks import check_preview
from brushwork.errors import NetworkError
from brushwork.network import store
from brushwork.presets import PRESETS
from brushwork.preview.network import make_preview
from brushwork.preview_settings import PreviewSettings
from brushwork.settings import DEFAULTS, SETTINGS
from brushwork.state import State
from stylize import Masks, Settings, make_objective, stylize
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks
from tests.helpers.tiny_networks import FEW_LAYERS
from tests.run.test_resuming import OTHERS


@pytest.fixture
def objective(tiny):
    return shared(tiny, Settings())


def pictures(*sizes):
    return [np.full((*size, 3), 99, np.float32) for size in sizes]


def first(objective, settings, *, content=(30, 40), style=(20, 50), **given):
    content, style = pictures(content, style)
    return next(stylize(objective, content, [style], settings, **given))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 160}, "the content is 40x30 pixels, not as width says; give brushwork.pictures.sizes.resize"),
        ({"height": 60}, r"not as height says; give brushwork.pictures.sizes.resize\(content, 60, 80\)"),
        ({"long_side": 20}, r"not as long_side says; give brushwork.pictures.sizes.resize\(content, 15, 20\)"),
        ({"style_size": 20}, "style_size is for the command; here styles have the sizes of their arrays"),
        ({"style_scales": (0.5,)}, "style_scales is for the command; here styles have the sizes of their arrays"),
        ({"style_blend_weights": (1, 2)}, "the objective was made with other settings"),
    ],
)
def test_what_cannot_be_honoured_is_refused(objective, settings, message):
    with pytest.raises(ValueError, match=message):
        first(objective, Settings(**settings))


@pytest.mark.parametrize(
    "settings",
    [{"width": 40}, {"height": 30}, {"long_side": 40}, {"long_side": 500}, {"style_size": "original"}, {"seed": 3}],
)
def test_what_the_pictures_fulfil_is_accepted(objective, settings):
    assert first(objective, Settings(**settings)).image.shape == (30, 40, 3)


@pytest.mark.parametrize("name", [name for name, each in SETTINGS.items() if each.affects == "loss"])
def test_the_objective_has_the_same_losses(objective, name):
    value = OTHERS[name] if name in OTHERS else DEFAULTS[name] + 1
    with pytest.raises(ValueError, match=rf"the objective was made with other settings \({name}\); give both the same"):
        first(objective, dataclasses.replace(Settings(), **{name: value}))


@pytest.mark.parametrize("preset", spot_checks(PRESETS, keep=(0, 1)), ids=str)
def test_presets_from_python(tiny, preset):
    settings = Settings(**PRESETS[preset] | {"iterations": 1})
    with shared(tiny, settings) as objective:
        assert first(objective, settings).picture().shape == (30, 40, 3)


def test_weights_of_more_styles_than_there_are(tiny):
    settings = Settings(**FEW_LAYERS, style_blend_weights=(1, 2))
    with (
        shared(tiny, settings) as objective,
        pytest.raises(ValueError, match="takes one number for each style: 1, not 2"),
    ):
        first(objective, settings)


@pytest.mark.parametrize(
    ("content", "styles", "message"),
    [
        (
            np.zeros((30, 40, 3), np.uint8),
            pictures((9, 9)),
            r"the content is uint8 \[30, 40, 3\]; pictures are",
        ),
        (np.zeros((30, 40), np.float32), pictures((9, 9)), r"the content is float32 \[30, 40\]; pictures are"),
        (np.zeros((30, 40, 4), np.float32), pictures((9, 9)), r"the content is float32 \[30, 40, 4\]; pictures are"),
        (pictures((9, 9))[0], [], "there is no style picture; give at least one"),
        (pictures((9, 9))[0], [np.zeros((1, 9, 9, 3), np.float32)], r"the style is float32 \[1, 9, 9, 3\]; pictures"),
    ],
)
def test_arrays_that_are_no_pictures(objective, content, styles, message):
    with pytest.raises(ValueError, match=message):
        next(stylize(objective, content, styles, Settings()))
    with pytest.raises(ValueError, match=message):
        objective.set_targets(content, styles)


MASK = np.ones((30, 40), np.float32)


@pytest.mark.parametrize(
    ("made_with", "given"),
    [
        (Masks(), Masks((MASK,))),
        (Masks(), Masks((), MASK)),
        (Masks(), Masks((), None, (MASK,))),
        (Masks((MASK,)), Masks()),
        (Masks((), MASK), Masks()),
        (Masks((MASK,)), Masks((MASK, MASK))),
        (Masks((MASK, MASK)), Masks((MASK, MASK))),  # for one style
    ],
    ids=str,
)
def test_masks_for_which_the_objective_was_not_made(tiny, made_with, given):
    settings = Settings(**FEW_LAYERS)
    with shared(tiny, settings, made_with) as objective, pytest.raises(ValueError, match="masks"):
        first(objective, settings, masks=given, style=(30, 40))


def test_more_masks_than_the_objective_was_made_for(tiny):
    content, *styles = pictures((30, 40), (30, 40), (30, 40))
    with (
        shared(tiny, Settings(**FEW_LAYERS), Masks((MASK,))) as objective,
        pytest.raises(ValueError, match="are 2, and the obj"),
    ):
        objective.set_targets(content, styles, Masks((MASK, MASK)))


def with_value(array, value):
    changed = array.copy()
    changed[0, 0] = value
    return changed


CONTENT, STYLE = pictures((30, 40), (20, 50))
ROW, ZERO = np.ones((5, 40), np.float32), np.zeros((30, 40), np.float32)
SMALL = State(0, 1, CONTENT[:9], CONTENT[:9], 1.0, {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"styles": [with_value(STYLE, np.nan)]}, "the style has values that are not finite"),
        ({"content": with_value(CONTENT, np.inf)}, "the content has values that are not finite"),
        ({"content": CONTENT.tolist()}, "the content is of type list"),
        ({"content": CONTENT[:0]}, r"the content is float32 \[0, 40, 3\]"),
        ({"styles": [STYLE[:0]]}, r"the style is float32 \[0, 50, 3\]"),
        ({"styles": None}, "styles are a list of pictures, not NoneType"),
        ({"styles": STYLE}, r"the style is float32 \[50, 3\]"),
        ({"styles": [None]}, "the style is of type NoneType"),
        ({"settings": PRESETS["fast"]}, "settings are a Settings, not dict"),
        ({"tile_sizes": []}, "tile_sizes takes one number for each scale: 1, not 0"),
        ({"tile_sizes": [None, None]}, "one number for each scale: 1, not 2"),
        ({"tile_sizes": [0]}, "a tile size is a number of pixels, at least 16, or None, not 0"),
        ({"tile_sizes": ["auto"]}, "a tile size is a number"),
        ({"initial": CONTENT[:9]}, r"the initial picture is \[9, 40, 3\], and the content \[30, 40, 3\]"),
        ({"initial": with_value(CONTENT, np.nan)}, "the initial picture has values that are not finite"),
        ({"resume": SMALL}, "the state to resume from is not one of a run with these settings and sizes"),
        ({"resume": "a.state"}, "the state to resume from"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_arguments_that_cannot_be_honoured(objective, arguments, message):
    given = {"content": CONTENT, "styles": [STYLE], "settings": Settings()} | arguments
    with pytest.raises(ValueError, match=message):
        next(stylize(objective, **given))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (ROW, r"float32 \[5, 40\]; it must be float32 \[30, 40\], as its picture"),
        (MASK * 255, "values that are not between 0 and 1"),
        (-MASK, "values that are not between 0 and 1"),
        (with_value(MASK, np.nan), "values that are not between 0 and 1"),
        (MASK.astype(np.uint8), r"uint8 \[30, 40\]"),
        (MASK.tolist(), "is list"),
    ],
    ids=["rows", "255", "negative", "nan", "uint8", "list"],
)
def test_masks_that_cannot_be_honoured(tiny, mask, message):
    settings, styles = Settings(**FEW_LAYERS), pictures((30, 40))
    for masks, expected in ((Masks((mask,)), Masks((MASK,))), (Masks((), mask), Masks((), MASK))):
        with shared(tiny, settings, expected) as objective:
            with pytest.raises(ValueError, match=message):
                next(stylize(objective, CONTENT, styles, settings, masks=masks))
            with pytest.raises(ValueError, match=message):
                objective.set_targets(CONTENT, styles, masks)
        with pytest.raises(ValueError, match=message):
            check_preview(PreviewSettings(), CONTENT, styles, Masks((mask,)))


def test_a_style_mask_that_is_black(tiny):
    with (
        shared(tiny, Settings(**FEW_LAYERS), Masks((MASK,))) as objective,
        pytest.raises(ValueError, match="a mask of masks.styles is 0 everywhere"),
    ):
        first(objective, Settings(**FEW_LAYERS), masks=Masks((ZERO,)), style=(30, 40))


def test_two_runs_with_one_objective_in_turn(tiny):
    settings = Settings(**FEW_LAYERS, iterations=2)
    with shared(tiny, settings) as objective:
        runs = [stylize(objective, CONTENT, [style], settings) for style in (STYLE, STYLE + 9)]
        next(runs[0])
        next(runs[1])
        with pytest.raises(ValueError, match="the objective has the targets of another run now"):
            next(runs[0])
        assert len(list(runs[1])) == 2


def test_what_an_objective_cannot_evaluate(tiny):
    settings = Settings(**FEW_LAYERS)
    for precision in ("float64", "auto", 1):
        with pytest.raises(ValueError, match=f"the precision is float32 or bfloat16, not {precision}"):
            make_objective(tiny, settings, precision=precision)
    with make_objective(tiny, settings) as objective:
        with pytest.raises(ValueError, match="set_targets"):
            objective.evaluate(CONTENT)
        for tile_size in (0, 15, "none", 16.0):
            with pytest.raises(ValueError, match="a tile size is a number of pixels"):
                objective.set_targets(CONTENT, [STYLE], tile_size=tile_size)
        objective.set_targets(CONTENT, [STYLE])
        with pytest.raises(ValueError, match=r"the image is \[9, 40, 3\]"):
            objective.evaluate(CONTENT[:9])
    for call in (lambda: objective.evaluate(CONTENT), lambda: objective.set_targets(CONTENT, [STYLE])):
        with pytest.raises(ValueError, match="the objective is closed"):
            call()


@pytest.mark.parametrize(
    ("settings", "arguments", "message"),
    [
        (Settings(), {}, "the settings of a preview are PreviewSettings, not Settings"),
        (PreviewSettings(width=500), {}, "the content is 40x30 pixels, not as width says"),
        (PreviewSettings(), {"content": with_value(CONTENT, np.nan)}, "the content has values that are not finite"),
        (PreviewSettings(), {"styles": []}, "there is no style picture"),
        (PreviewSettings(), {"masks": Masks((), MASK)}, "previews have masks.styles only"),
        (PreviewSettings(), {"masks": Masks((MASK, MASK))}, "takes one mask for each style: 1, not 2"),
        (PreviewSettings(style_blend_weights=(1, 2)), {}, "takes one number for each style"),
    ],
)
def test_previews_that_cannot_be_made(settings, arguments, message):
    given = {"content": CONTENT, "styles": [STYLE]} | arguments
    with pytest.raises(ValueError, match=message):
        make_preview(None, settings=settings, **given)


def test_networks_by_name(tiny_file):
    pocket = vgg.load(store.POCKET_FILE)
    for network in (vgg.load("pocket"), vgg.load()):
        np.testing.assert_array_equal(network.convolutions["conv5_1"][0], pocket.convolutions["conv5_1"][0])
    assert vgg.load(tiny_file).convolutions["conv1_1"][0].shape == (3, 3, 3, 2)
    with pytest.raises(NetworkError, match="no network 'vgg16': it is neither a file nor one of pocket and vgg19"):
        vgg.load("vgg16")
