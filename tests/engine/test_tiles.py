"""Tiles, and that they change nothing: a picture in tiles has the losses and the gradient of the whole."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import vgg
from brushwork import schedule
from brushwork.engine import tiles
from brushwork.network import layers
from brushwork.pictures import read, sizes
from brushwork.presets import PRESETS
from brushwork.settings import TILE_GRID, Settings
from stylize import Masks, make_objective
from tests.helpers import oracle, tiny_networks
from tests.helpers.objectives import shared
from tests.helpers.tiers import spot_checks

pytestmark = pytest.mark.numerical
RELUS = [layer for layer in layers.LAYERS if layer.startswith("relu")]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

SIZES = [(97, 131), (160, 96), (61, 200), (200, 17)]


@pytest.mark.parametrize("size", [(37, 45), *SIZES])
@pytest.mark.parametrize("padding", [0, 32])
@pytest.mark.parametrize("side", [16, 40, 64, 1000])
def test_every_cell_is_in_one_core(size, side, padding):
    for layer in ("relu1_1", "relu2_1", "conv3_4", "relu4_1", "relu5_1"):
        stride = layers.stride(layer)
        covered = np.zeros([-(-length // stride) for length in size])
        for tile in tiles.cut(*size, side, 96, padding):
            covered[tile.cells(stride)] += 1
        np.testing.assert_array_equal(covered, 1)


def test_a_tile_has_its_margin_but_at_the_border():
    first, second, *_, last = tiles.cut(100, 300, 64, 48)
    assert first == (slice(0, 100), slice(0, 112), (0, 0, 64, 64), (0, 0), (1, 1))
    assert second == (slice(0, 100), slice(16, 176), (0, 48, 64, 64), (0, 64), (1, 1))
    assert last == (slice(16, 100), slice(208, 300), (48, 48, 36, 44), (64, 256), (0, 0))
    assert last.place == (48, 48, 36, 44, 16, 208, 0, 0)
    assert [tile.core[:2] for tile in tiles.cut(100, 300, None, 48)] == [(0, 0)]


def test_a_tile_of_a_padded_picture_has_the_padding_too():
    first, second, *_, last = tiles.cut(100, 300, 64, 48, 16)
    assert first == (slice(0, 128), slice(0, 128), (16, 16, 64, 64), (0, 0), (1, 1))
    assert second == (slice(0, 128), slice(32, 192), (16, 48, 64, 64), (0, 64), (1, 1))
    assert last == (slice(32, 132), slice(224, 332), (48, 48, 36, 44), (64, 256), (0, 0))
    assert tiles.cut(100, 300, None, 48, 16) == [(slice(0, 132), slice(0, 332), (16, 16, 100, 300), (0, 0), (0, 0))]


def test_tiles_are_as_equal_as_the_grid_allows():
    widths = [tile.core[3] for tile in tiles.cut(16, 1100, 512, 80)]
    assert widths == [368, 368, 364]


@pytest.mark.parametrize(("layer", "margin"), [("relu1_1", 16), ("relu4_2", 48), ("relu5_1", 80), ("relu5_2", 96)])
def test_margins_are_those_of_the_receptive_fields(layer, margin):
    assert schedule.margin([layer, "relu1_1"]) == margin


@pytest.mark.parametrize("layer", spot_checks(RELUS, keep=(0, 2, 4, 8, 12)))
def test_a_core_sees_no_farther_than_its_margin(layer):
    """The gradient of the cells of a core is zero beyond the margin, and reaches into its last 16 px."""
    size, core = 480, slice(192, 256)
    objective, image = one_layer(layer), np.random.default_rng(3).uniform(0, 255, (size, size, 3))
    cells = slice(core.start // layers.stride(layer), core.stop // layers.stride(layer))
    seen = np.abs(objective(image, cells)).sum(axis=2)
    rows = np.flatnonzero(seen.sum(axis=1))
    margin = schedule.margin([layer])
    reach = max(core.start - rows[0], rows[-1] + 1 - core.stop)
    assert margin - TILE_GRID < reach <= margin


def one_layer(layer):
    """A function (image, cells) -> the gradient of the sum of a layer's cells, through a network without zeros."""
    import tensorflow.compat.v1 as tf

    rng = np.random.default_rng(0)
    network = tiny_networks.tiny_network(np.float64)
    convolutions = {
        name: (rng.uniform(0.1, 1, kernel.shape) / kernel[..., 0].size, bias * 0)
        for name, (kernel, bias) in network.convolutions.items()
    }
    graph = tf.Graph()
    with graph.as_default():
        image = tf.placeholder(tf.float64, [None, None, 3])
        features = vgg.build(image[tf.newaxis], convolutions, layers=[layer], pooling="avg")[layer]
        first, last = tf.placeholder(tf.int32), tf.placeholder(tf.int32)
        gradient = tf.gradients(features[0, first:last, first:last], image)[0]
    session = tf.Session(graph=graph)
    return lambda array, cells: session.run(gradient, {image: array, first: cells.start, last: cells.stop})


def smooth(random, size, dtype):
    coarse = random.uniform(0, 255, (size[0] // 4 + 1, size[1] // 4 + 1, 3))
    fine = np.kron(coarse, np.ones((4, 4, 1)))[: size[0], : size[1]]
    return (fine + random.normal(0, 9, fine.shape)).astype(dtype)


def assert_equal(tiled, whole, *, loss, slope):
    for name in whole[0]:
        assert tiled[0][name] == pytest.approx(whole[0][name], rel=loss), name
    assert np.linalg.norm(tiled[1] - whole[1]) <= slope * np.linalg.norm(whole[1])


@pytest.mark.parametrize("pooling", ["max", pytest.param("avg", marks=pytest.mark.exhaustive)])
def test_tiles_change_nothing(random, pooling):
    settings = Settings(pooling=pooling, content_weight_blend=0.5, style_blend_weights=(1, 3))
    styles = [smooth(random, (150, 70), np.float64), smooth(random, (40, 30), np.float64)]
    with make_objective(tiny_networks.tiny_network(np.float64), settings) as objective:
        for size, sides in zip(SIZES, ((48, 128), (64,), (32,), (16,)), strict=True):
            content, image = smooth(random, size, np.float64), smooth(random, size, np.float64)
            whole = in_tiles(objective, "none", content, styles, image)
            for side in sides:
                assert_equal(in_tiles(objective, side, content, styles, image), whole, loss=1e-12, slope=1e-12)


def in_tiles(objective, side, content, styles, image):
    objective.settings = dataclasses.replace(objective.settings, tile_size=side)
    objective.set_targets(content, styles)
    return objective.evaluate(image)


@pytest.mark.exhaustive
def test_tiles_change_little_in_bfloat16(tiny, random):
    content, image = smooth(random, (97, 131), np.float32), smooth(random, (97, 131), np.float32)
    with shared(tiny, Settings(precision="bfloat16")) as objective:
        whole, tiled = (in_tiles(objective, side, content, [content / 4], image) for side in ("none", 64))
    # A processor may round a convolution of a tile otherwise, and sums are rounded for each tile.
    assert_equal(tiled, whole, loss=oracle.BFLOAT16_LOSS, slope=oracle.BFLOAT16_GRADIENT)


def test_variation_alone_in_tiles(tiny, random):
    content = smooth(random, (50, 70), np.float32)
    with make_objective(tiny, Settings(content_weight=0, style_weight=0)) as objective:
        losses, gradient = in_tiles(objective, 16, content, [content], content)
    assert losses["total"] == losses["tv"] > 0
    assert np.abs(gradient).max() > 0


@pytest.mark.network
@pytest.mark.parametrize(
    ("size", "pooling", "side"), [((480, 640), "max", 512), ((437, 611), "max", 128), ((437, 611), "avg", 256)]
)
def test_tiles_change_nothing_on_the_real_network(real_network, random, size, pooling, side):
    network = vgg.load(real_network)
    content, image = smooth(random, size, np.float32), smooth(random, size, np.float32)
    styles = [sizes.resize(image[::-1], 300, 400), content[:, ::-1]]
    common = {"pooling": pooling, "content_weight_blend": 0.5, "precision": "float32"}
    with make_objective(network, Settings(**common)) as objective:
        whole, tiled = (in_tiles(objective, side, content, styles, image) for side in ("none", side))
    assert_equal(tiled, whole, loss=1e-6, slope=1e-5)


def in_float64(network):
    convolutions = {name: tuple(map(np.float64, pair)) for name, pair in network.convolutions.items()}
    return vgg.Network(convolutions, np.float64(network.mean_pixel))


def half_masks(height, width):
    """Masks of the left and of the right half, which overlap."""
    across = np.linspace(-1, 2, width).clip(0, 1)
    return Masks(tuple(np.tile(ramp, (height, 1)) for ramp in (1 - across, across)))


@pytest.mark.network
@pytest.mark.parametrize("masked", [False, True])
def test_tiles_change_nothing_of_the_wasserstein_loss_on_the_real_network(real_network, random, masked):
    """In float64: in float32 the gradient of the whole picture is itself off by 1e-4 or more of its norm, with the
    kernels of oneDNN by more than with those of Eigen. A bound of 1e7 units in the last place allows for as much.
    """
    size = (192, 256)
    content = np.float64(sizes.cover(read.image(EXAMPLES / "chelsea.jpg"), *size))
    styles = [read.image(EXAMPLES / f"{name}.jpg") for name in ("brush-strokes", "woodcut")]
    styles = [np.float64(sizes.resize_to_width(style, 256)) for style in styles]
    image = content + random.normal(0, 9, content.shape)
    masks, results = half_masks(*size) if masked else Masks(), []
    with make_objective(
        in_float64(vgg.load(real_network)), Settings(**PRESETS["painterly"]), masks, precision="float32"
    ) as objective:
        for side in (None, 128):
            objective.set_targets(content, styles, masks, tile_size=side)
            results.append(objective.evaluate(image))
    assert_equal(*results, loss=1e-9, slope=1e-9)


@pytest.mark.network
def test_the_wasserstein_loss_in_bfloat16_on_the_real_network(real_network, random):
    content, image = smooth(random, (192, 256), np.float32), smooth(random, (192, 256), np.float32)
    losses = {}
    for precision in ("float32", "bfloat16"):
        settings = Settings(**PRESETS["painterly"])
        with make_objective(vgg.load(real_network), settings, precision=precision) as objective:
            objective.set_targets(content, [image[::-1] / 2])
            losses[precision], _ = objective.evaluate(image)
    assert losses["bfloat16"]["total"] == pytest.approx(losses["float32"]["total"], rel=0.01)
