"""Winograd convolutions: the same results, rounded a little more, in blocks that begin where those of the whole do."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import vgg
from brushwork.network import layers, winograd
from stylize import Settings, make_objective
from tests.helpers import tiny_networks
from tests.helpers.tiers import spot_checks

pytestmark = pytest.mark.numerical

# How the rounding errors of the 36 products add up in a pixel, over those of a direct convolution, root mean square.
GROWTH = 7


def both_ways(random, features, channels, origin=(0, 0)):
    """(convolution, gradient) of TensorFlow's and of ours."""
    kernel = random.normal(size=(3, 3, features.shape[-1], channels)).astype(features.dtype)
    pull = random.normal(size=(*features.shape[:3], channels)).astype(features.dtype)
    with tf.Graph().as_default():
        image = tf.placeholder(features.dtype, [None, None, None, features.shape[-1]])
        results = (
            tf.nn.conv2d(image, kernel, strides=1, padding="SAME"),
            winograd.convolution(image, winograd.transformed(kernel), origin),
        )
        both = [(result, tf.gradients(result, image, pull)[0]) for result in results]
        assert both[1][0].shape.as_list() == [None, None, None, channels]
        with tf.Session() as session:
            return session.run(both, {image: features})


@pytest.mark.parametrize("size", spot_checks([(1, 9, 13), (2, 8, 8), (1, 1, 1), (3, 2, 5)], keep=(0, 3)))
@pytest.mark.parametrize("origin", [(0, 0), (3, 5)])
def test_the_convolution_and_its_gradient(random, size, origin):
    direct, ours = both_ways(random, random.normal(size=(*size, 3)), 5, origin)
    for expected, value in zip(direct, ours, strict=True):
        # At worst 876 times the errors of about 90 operations in float64, 1e-11.
        np.testing.assert_allclose(value, expected, atol=1e-10 * np.abs(expected).max())


def test_single_precision_between_many_channels(random):
    direct, ours = both_ways(random, random.normal(size=(1, 16, 12, 256)).astype(np.float32), 256)
    bound = GROWTH * np.sqrt(256) * np.finfo(np.float32).eps  # sums over 256 channels, errors of random sign
    for expected, value in zip(direct, ours, strict=True):
        assert np.linalg.norm(value - expected) <= bound * np.linalg.norm(expected)


def test_the_matrices_of_lavin_and_gray():
    data = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
    filters = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]  # times 1/24
    result = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    ours = winograd._matrices((0.0, 1.0, -1.0, 2.0, -2.0))
    # A row of the data's and one of the filter's may both have the other sign.
    products, published = (
        [np.outer(*rows) for rows in zip(*pair, strict=False)] for pair in (ours[:2], (data, filters))
    )
    np.testing.assert_allclose(products, np.array(published) / 24, atol=1e-12)
    np.testing.assert_allclose(ours[2], result, atol=1e-12)


def growth(points):
    """The rounding error of a pixel over that of a direct convolution, root mean square, for white noise.

    The error of each product is proportional to its magnitude, a row of B' times a row of G; that of a pixel is the sum
    of the products' errors, weighted by A'.
    """
    data, filters, result = winograd._matrices(points)
    variance = np.mean(np.square(result) @ (np.square(data).sum(axis=1) * np.square(filters).sum(axis=1)))
    return variance / 3  # both axes over the 9 terms of a direct convolution, and the root


def test_the_points_are_more_exact_than_the_usual_ones():
    usual = growth((0.0, 1.0, -1.0, 2.0, -2.0))
    assert growth(winograd.POINTS) / usual == pytest.approx(0.645, abs=0.001)
    assert growth(winograd.POINTS) < GROWTH < usual


@pytest.mark.parametrize("as_tensors", [False, True])
@pytest.mark.parametrize("origin", [(0, 0), (6, 9)])
def test_blocks_of_a_tile_begin_where_those_of_the_whole_do(origin, as_tensors):
    """A NaN spreads over exactly the 4x4 blocks that it is an input of, which shows where they begin on any processor.

    Row 21 of the whole is an input of one block only, of rows 20 to 23, and column 26 of columns 24 to 27. If the
    blocks of a tile that begins at (6, 9) began in its own corner, row 15 of it would be an input of two blocks.
    """
    whole = np.zeros([1, 40, 48, 2], np.float32)
    whole[0, 21, 26, 0] = np.nan
    spread = np.zeros(whole.shape, bool)
    spread[:, 20:24, 24:28] = True
    tile = np.s_[:, origin[0] :, origin[1] :]
    with tf.Graph().as_default(), tf.Session() as session:
        features = tf.placeholder(tf.float32, whole[tile].shape)
        kernel = winograd.transformed(np.ones([3, 3, 2, 2], np.float32))
        result = winograd.convolution(features, kernel, tf.unstack(origin) if as_tensors else origin)
        gradient = tf.gradients(result, features, whole[tile])[0]
        for output, image in ((result, whole[tile]), (gradient, np.zeros_like(whole[tile]))):
            np.testing.assert_array_equal(np.isnan(session.run(output, {features: image})), spread[tile])


def test_where_it_pays(monkeypatch):
    def kernel(inputs, outputs):
        return np.empty([3, 3, inputs, outputs], np.float32)

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert winograd.pays(kernel(128, 256))
    assert not winograd.pays(kernel(64, 128))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert not winograd.pays(kernel(128, 256))


@pytest.mark.parametrize(("dtype", "ranks"), [(None, {3}), (tf.bfloat16, {4})])
def test_kernels_are_transformed_but_in_bfloat16(tiny, monkeypatch, dtype, ranks):
    monkeypatch.setattr(layers, "WIDE", 1)
    with tf.Graph().as_default():
        convolutions, _ = vgg.variables(tiny, dtype)
    assert {len(kernel.shape) for kernel, _ in convolutions.values()} == ranks


@pytest.mark.exhaustive
def test_losses_and_gradients_are_the_same(random, monkeypatch):
    network = tiny_networks.tiny_network(np.float64)
    content, style, image = (random.uniform(0, 255, size) for size in ((29, 43, 3), (20, 30, 3), (29, 43, 3)))
    terms = {"content_layers": ("relu2_2",), "style_layers": ("relu1_1", "conv2_1")}
    calls, convolution = [], winograd.convolution
    monkeypatch.setattr(winograd, "convolution", lambda *arguments: calls.append(1) or convolution(*arguments))
    results = []
    for wide, tile_size in ((256, "none"), (1, "none"), (1, 16)):
        monkeypatch.setattr(layers, "WIDE", wide)
        calls.clear()
        with make_objective(network, Settings(**terms, tile_size=tile_size)) as objective:
            objective.set_targets(content, [style])
            results.append(objective.evaluate(image))
        assert bool(calls) == (wide == 1)
    for losses, gradient in results[1:]:
        # float64: 1e-16, times 1e3 for each of four convolutions at worst, errors adding up; a bug changes all digits.
        assert losses == pytest.approx(results[0][0], rel=1e-9)
        assert np.linalg.norm(gradient - results[0][1]) <= 1e-9 * np.linalg.norm(results[0][1])


@pytest.mark.network
def test_losses_of_the_real_network_are_nearly_the_same(real_network, random, monkeypatch):
    network, totals = vgg.load(real_network), []
    content, style = np.kron(random.uniform(0, 255, (2, 24, 32, 3)), np.ones((1, 8, 8, 1))).astype(np.float32)
    for wide in (layers.WIDE, 10**6):
        monkeypatch.setattr(layers, "WIDE", wide)
        with make_objective(network, Settings(precision="float32")) as objective:
            objective.set_targets(content, [style])
            totals.append(objective.evaluate(content)[0]["total"])
    # Nine layers of sums over 512 channels: 9 * 7 * sqrt(512) * 6e-8 if all errors had the same sign.
    assert totals[0] == pytest.approx(totals[1], rel=1e-4)
    assert totals[0] != totals[1]
