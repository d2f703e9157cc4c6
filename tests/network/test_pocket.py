"""The included network: its file, and how near it is to the full one."""

import os
from pathlib import Path

import numpy as np
import pytest

import vgg
from brushwork.network import store
from brushwork.network.layers import CONVOLUTIONS
from brushwork.pictures import read, sizes
from stylize import Settings, make_objective

EXAMPLES = Path(__file__).parents[2] / "examples"
LAYERS = CONVOLUTIONS[: CONVOLUTIONS.index("conv5_2") + 1]


@pytest.fixture(scope="module")
def pocket():
    return vgg.load(store.POCKET_FILE)


def test_the_file_is_small_and_of_half_the_width(pocket):
    assert os.path.getsize(store.POCKET_FILE) < 6_000_000
    widths = {name: kernel.shape[3] for name, (kernel, _) in pocket.convolutions.items()}
    half = {"1": 32, "2": 64, "3": 128, "4": 256, "5": 256}
    assert widths == {name: half[name[4]] for name in LAYERS}
    np.testing.assert_allclose(pocket.mean_pixel, [123.68, 116.779, 103.939], atol=0.01)


def test_the_kernels_have_eight_bits(pocket):
    for name, (kernel, _) in pocket.convolutions.items():
        greatest = np.abs(kernel).max(axis=(0, 1, 2))
        step = 2.0 ** np.ceil(np.log2(greatest / 127))
        levels = kernel / step
        assert (levels == np.rint(levels)).all(), name
        assert np.abs(levels).max() <= 127, name


def losses(network, image, content, style):
    with make_objective(network, Settings(content_weight_blend=0.5, precision="float32")) as objective:
        objective.set_targets(content, [style])
        return objective.evaluate(image)


@pytest.mark.network
def test_losses_and_gradients_are_nearly_those_of_the_full_network(pocket, real_network):
    content = sizes.resize_to_width(read.image(EXAMPLES / "astronaut.jpg"), 192)
    style = sizes.resize_to_width(read.image(EXAMPLES / "woodcut.jpg"), 192)
    image = 0.7 * content + 0.3 * sizes.cover(style, *content.shape[:2])
    (few, gradient), (full, true) = (
        losses(network, image, content, style) for network in (pocket, vgg.load(real_network))
    )
    for term in ("content", "style"):
        assert 0.5 < few[term] / full[term] < 2, term
    cosine = np.vdot(gradient, true) / np.linalg.norm(gradient) / np.linalg.norm(true)
    assert cosine > 0.5
