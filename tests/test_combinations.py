"""Every two controls together, in tiles, in either precision, coarse to fine and with either optimiser."""

import dataclasses
import itertools

import numpy as np
import pytest

from brushwork.settings import Settings
from stylize import Masks, make_objective, stylize
from tests.helpers import oracle
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks

CONTROLS = {
    "pooling": ("max", "avg"),
    "padding": ("zero", "replicate"),
    "style_loss": ("classic", "positions", "sums", "wasserstein", "nearest"),  # Gram by its normalization, or others
    "tv_norm": ("squares", "absolute"),
    # Few of them, as each layer takes the same operations: those of the presets, in tiles too, are in test_tiles.
    "content_layers": (("relu2_1",), ("relu1_2", "conv3_1:0.5")),
    "style_layers": (("relu1_1",), ("conv1_1:0.1", "relu2_1:0.4")),
    "style_masks": (False, True),
    "content_mask": (False, True),
    "sources": (False, True),
    "optimizer": ("adam", "lbfgs"),
    "box": (False, True),
    "initial": ("noise", "content", "style"),
}


def pairwise(controls):
    """Choices for all controls, so few that every two values of two controls meet at least once."""
    names = list(controls)
    left = {
        ((a, one), (b, other))
        for a, b in itertools.combinations(names, 2)
        for one in controls[a]
        for other in controls[b]
    }
    random = np.random.default_rng(0)
    while left:
        tries = [{name: values[random.integers(len(values))] for name, values in controls.items()} for _ in range(600)]
        best = max(tries, key=lambda choice: len(left & set(itertools.combinations(choice.items(), 2))))
        left -= set(itertools.combinations(best.items(), 2))
        yield best


def split(choice, size, random):
    """(what of a choice is a setting, the masks)."""
    settings = {name: value for name, value in choice.items() if name not in ("style_masks", "content_mask", "sources")}
    if settings["style_loss"] in ("wasserstein", "nearest"):
        if settings["style_loss"] == "nearest":
            settings["style_loss"] = ("wasserstein", "nearest:0.5")
        settings |= {"content_weight": 0.1, "style_weight": 1.0, "tv_weight": 1e-5}
    else:
        settings["normalization"] = settings.pop("style_loss")
    masks = random.uniform(0, 1, (5, *size)).astype(np.float32)
    return settings, Masks(
        tuple(masks[:2]) if choice["style_masks"] else (),
        masks[2] if choice["content_mask"] else None,
        tuple(masks[3:]) if choice["sources"] else (),
    )


OF_A_RUN = {"optimizer": "adam", "box": False, "initial": "noise"}  # controls that an evaluation knows nothing of
ARITHMETIC = {"precision": ("float32", "bfloat16")}
EVALUATIONS = list(pairwise(ARITHMETIC | {name: values for name, values in CONTROLS.items() if name not in OF_A_RUN}))
COMBINATIONS = list(pairwise(CONTROLS))


@pytest.mark.numerical
@pytest.mark.parametrize("choice", spot_checks(EVALUATIONS, keep=(0,)), ids=map(str, range(len(EVALUATIONS))))
def test_every_two_controls_in_tiles_and_in_the_whole(tiny, random, choice):
    size = 45, 70
    content, one, two, image = random.uniform(0, 255, (4, *size, 3)).astype(np.float32)
    one, two = one / 4, two / 8  # unlike the image, so that no difference of nearly equal numbers is rounded
    settings, masks = split(choice | OF_A_RUN, size, random)
    settings |= {"style_blend_weights": (1, 3)}

    def evaluated(precision, side):
        common = Settings(**settings | {"precision": precision, "tile_size": side})
        with shared(tiny, common, masks) as objective:
            objective.set_targets(content, [one, two], masks)
            return objective.evaluate(image)

    losses, gradient = evaluated("float32", "none")
    for precision in dict.fromkeys(("float32", choice["precision"])):
        rough = precision == "bfloat16"
        loss, steepness = (oracle.BFLOAT16_LOSS, oracle.BFLOAT16_GRADIENT) if rough else (1e-5, 1e-5)
        others, slope = evaluated(precision, 32)
        # A cosine of features that were rounded to 8 bits, taken from 1: its error does not become less as it does.
        least = 1e-3 if rough and "nearest" in losses else 0
        assert others == pytest.approx(losses, rel=loss, abs=least), precision
        assert np.linalg.norm(slope - gradient) <= steepness * np.linalg.norm(gradient), precision


@pytest.mark.parametrize("choice", spot_checks(COMBINATIONS, keep=(0,)), ids=map(str, range(len(COMBINATIONS))))
def test_every_control_coarse_to_fine(tiny, random, choice):
    size = 45, 70
    content, one, two = random.uniform(0, 255, (3, *size, 3)).astype(np.float32)
    choice, masks = split(choice, size, random)
    courses = []
    settings = Settings(**choice, scales=(2,), scale_iterations=(3, 2), learning_rate=3.0)
    with make_objective(tiny, settings, masks) as objective:
        for side in ("none", 32):
            objective.settings = dataclasses.replace(settings, tile_size=side)
            courses.append(list(stylize(objective, content, [one, two], settings, masks=masks)))
    for whole, tiled in zip(*courses, strict=True):
        assert (whole.iteration, whole.scale, whole.image.shape) == (tiled.iteration, tiled.scale, tiled.image.shape)
        assert tiled.losses["total"] == pytest.approx(whole.losses["total"], rel=1e-2)
    assert courses[0][-1].image.shape == content.shape
    if choice["box"]:
        assert all(0 <= step.image.min() <= step.image.max() <= 255 for step in courses[0])
