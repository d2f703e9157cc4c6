"""The objective: for what the sums of a style are kept."""

from types import SimpleNamespace

import numpy as np
import pytest

import stylize
from brushwork.engine.objective import StyleSums
from brushwork.errors import NetworkError
from brushwork.settings import Settings
from tests.helpers import tiny_networks


def test_sums_are_kept_for_a_term_a_style_and_its_masks():
    asked = []
    evaluator = SimpleNamespace(total=lambda *given: asked.append(given) or len(asked))
    sums, one, other = StyleSums(evaluator), np.zeros((2, 3, 3)), np.ones((2, 3, 3))
    term, second = SimpleNamespace(name="style"), SimpleNamespace(name="texture")
    mask = {"style/source/relu1_1": np.ones((2, 3, 1))}
    given = ((term, one, {}), (term, other, {}), (term, one, mask), (second, one, {}))
    for _ in range(2):  # the second time, all are known
        assert [sums.of(*each) for each in given] == [1, 2, 3, 4]
    assert [output for _, output, _ in asked] == ["style_sums/style"] * 3 + ["style_sums/texture"]


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein", "nearest"])
def test_features_that_are_too_large_are_refused(tiny, style_loss):
    scaled = {name: (1e6 * kernel, bias) for name, (kernel, bias) in tiny.convolutions.items()}
    layers = tiny_networks.FEW_LAYERS | {"style_layers": ("relu1_1", "relu4_1"), "content_layers": ("relu2_2",)}
    settings = Settings(style_loss=style_loss, **layers)
    picture = np.full((20, 20, 3), 200, np.float32)
    network = stylize.vgg.Network(scaled, tiny.mean_pixel)
    with (
        stylize.make_objective(network, settings) as objective,
        pytest.raises(NetworkError, match="too large to compute with"),
    ):
        objective.set_targets(picture, [picture])
