"""Calls from Python: a setting is honoured or refused, never ignored."""

import dataclasses

import numpy as np
import pytest

import vgg
from brushwork.errors import NetworkError
from brushwork.network import store
from brushwork.presets import PRESETS
from brushwork.settings import DEFAULTS, SETTINGS
from stylize import Masks, Settings, stylize
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


def test_networks_by_name(tiny_file):
    pocket = vgg.load(store.POCKET_FILE)
    for network in (vgg.load("pocket"), vgg.load()):
        np.testing.assert_array_equal(network.convolutions["conv5_1"][0], pocket.convolutions["conv5_1"][0])
    assert vgg.load(tiny_file).convolutions["conv1_1"][0].shape == (3, 3, 3, 2)
    with pytest.raises(NetworkError, match="no network 'vgg16': it is neither a file nor one of pocket and vgg19"):
        vgg.load("vgg16")
