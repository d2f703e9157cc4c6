"""The picture's border continued outwards."""

import numpy as np
import pytest

from brushwork.network.layers import stride
from brushwork.settings import Settings
from tests.helpers import tiny_networks
from tests.helpers.objectives import shared
from tests.reference import classic
from tests.reference.layers import numpy_layers

pytestmark = pytest.mark.numerical

PADDING = 16  # px
REPLICATE = Settings(padding="replicate", content_weight_blend=0.5)


def test_the_losses_are_those_of_the_padded_picture_without_its_padding(tiny, random):
    content, style, image = random.uniform(0, 255, (3, 37, 53, 3)).astype(np.float32)
    with shared(tiny, REPLICATE) as replicate:
        replicate.set_targets(content, [style])
        losses, _ = replicate.evaluate(image)

    def layers(picture):
        sides = (PADDING, PADDING)
        net = numpy_layers(np.pad(picture, (sides, sides, (0, 0)), mode="edge"), tiny, "max")
        for name in (*classic.CONTENT_LAYERS, *classic.STYLE_LAYERS):
            first = PADDING // stride(name)
            net[name] = net[name][first : first - (-37 // stride(name)), first : first - (-53 // stride(name))]
        return net

    net, goal, manner = map(layers, (image, content, style))
    error = sum(((net[layer] - goal[layer]) ** 2).mean() for layer in classic.CONTENT_LAYERS)
    assert losses["content"] == pytest.approx(5 * 0.5 * error, rel=1e-4)
    terms = []
    for layer in classic.STYLE_LAYERS:
        flat, target = (layers[layer].reshape(-1, layers[layer].shape[-1]) for layers in (net, manner))
        terms.append(((flat.T @ flat / flat.size - target.T @ target / target.size) ** 2).mean())
    assert losses["style"] == pytest.approx(500 * np.mean(terms), rel=1e-4)


@pytest.mark.parametrize("tile_size", ["none", 16])
def test_the_gradient_of_a_padded_picture(random, tile_size):
    content, style, image, direction = random.uniform(0, 255, (4, 20, 27, 3))
    settings = Settings(padding="replicate", pooling="avg", tile_size=tile_size)
    with shared(tiny_networks.tiny_network(np.float64), settings) as replicate:
        replicate.set_targets(content, [style])
        _, gradient = replicate.evaluate(image)
        ahead, behind = (replicate.evaluate(image + step * direction)[0]["total"] for step in (1e-6, -1e-6))
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-6, rel=1e-5)
