"""Convolutions with fewer products."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import layers
import tiny_networks
import vgg
import winograd
from objective import Objective
from settings import Settings


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


@pytest.mark.parametrize("size", [(1, 9, 13), (2, 8, 8), (1, 1, 1), (3, 2, 5)])
@pytest.mark.parametrize("origin", [(0, 0), (3, 5)])
def test_the_convolution_and_its_gradient(random, size, origin):
    direct, ours = both_ways(random, random.normal(size=(*size, 3)), 5, origin)
    for expected, value in zip(direct, ours, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-13 * np.abs(expected).max())


def test_single_precision_between_many_channels(random):
    features = np.maximum(random.normal(size=(1, 16, 12, 256)), 0).astype(np.float32)
    direct, ours = both_ways(random, features, 256)
    for expected, value in zip(direct, ours, strict=True):
        assert np.linalg.norm(value - expected) <= 4e-6 * np.linalg.norm(expected)


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


def test_the_points_are_more_exact_than_the_usual_ones(random):
    features, kernel = random.normal(size=(32, 6, 6, 256)), random.normal(size=(3, 3, 256, 32))
    errors = []
    for points in (winograd.POINTS, (0.0, 1.0, -1.0, 2.0, -2.0)):
        data, filters, result = winograd._matrices(points)
        values = (
            np.einsum("ai,bj,nijc->abnc", data, data, features),
            np.einsum("ai,bj,ijck->abck", filters, filters, kernel),
        )
        exact, rounded = np.matmul(*values), np.matmul(*(value.astype(np.float32) for value in values))
        errors.append(np.linalg.norm(np.einsum("ia,jb,abnk->ijnk", result, result, rounded - exact)))
    assert errors[0] < 0.8 * errors[1]


def test_a_tile_is_rounded_as_the_whole(random):
    features = random.normal(size=(1, 40, 48, 16)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        kernel = winograd.transformed(random.normal(size=(3, 3, 16, 16)).astype(np.float32))
        whole, there, elsewhere = session.run(
            [
                winograd.convolution(tf.constant(features), kernel),
                winograd.convolution(tf.constant(features[:, 6:, 9:]), kernel, (6, 9)),
                winograd.convolution(tf.constant(features[:, 6:, 9:]), kernel),
            ]
        )
    inner = whole[:, 10:, 14:]
    assert np.abs(there[:, 4:, 5:] - inner).max() < np.abs(elsewhere[:, 4:, 5:] - inner).max() / 4


def test_a_network_over_a_tile_is_rounded_as_over_the_whole(random, monkeypatch):
    monkeypatch.setattr(layers, "WIDE", 1)
    network, image = tiny_networks.tiny_network(), random.uniform(-99, 99, (1, 160, 192, 3)).astype(np.float32)
    with tf.Graph().as_default(), tf.Session() as session:
        convolutions, feed = vgg.variables(network, layers=["relu4_3"])
        session.run(tf.global_variables_initializer(), feed)
        pieces = (image, (0, 0)), (image[:, 16:, 48:], (16, 48)), (image[:, 16:, 48:], (0, 0))
        whole, there, elsewhere = (
            session.run(vgg.build(tf.constant(piece), convolutions, layers=["relu4_3"], origin=origin))["relu4_3"]
            for piece, origin in pieces
        )
    inner = whole[:, 12:, 16:]  # what does not see the tile's edge
    assert np.abs(there[:, 10:, 10:] - inner).max() < np.abs(elsewhere[:, 10:, 10:] - inner).max() / 4


def test_which_convolutions_go_so(monkeypatch):
    def kernel(inputs, outputs):
        return np.empty([3, 3, inputs, outputs], np.float32)

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert winograd.pays(kernel(256, 512))
    assert not winograd.pays(kernel(128, 256))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert not winograd.pays(kernel(256, 512))


@pytest.mark.parametrize(("dtype", "ranks"), [(None, {3}), (tf.bfloat16, {4})])
def test_the_network_is_transformed_in_single_precision(tiny, monkeypatch, dtype, ranks):
    monkeypatch.setattr(layers, "WIDE", 1)
    with tf.Graph().as_default():
        convolutions, _ = vgg.variables(tiny, dtype)
    assert {len(kernel.shape) for kernel, _ in convolutions.values()} == ranks


def test_the_objective_is_the_same(random, monkeypatch):
    network = tiny_networks.tiny_network(np.float64)
    content, style, image = (random.uniform(0, 255, size) for size in ((61, 83, 3), (40, 30, 3), (61, 83, 3)))
    results = []
    terms = {"content_layers": ("relu3_2",), "style_layers": ("relu1_1", "conv2_2", "relu3_1")}
    for wide, tile_size in ((256, "none"), (1, "none"), (1, 32)):
        monkeypatch.setattr(layers, "WIDE", wide)
        with Objective(network, Settings(**terms, tile_size=tile_size)) as objective:
            gathers = [operation for operation in objective.graph.get_operations() if operation.type == "GatherV2"]
            assert len(gathers) == (6 if wide == 1 else 0)  # the convolutions up to relu3_2
            objective.aim(content, [style])
            results.append(objective.evaluate(image))
    for losses, gradient in results[1:]:
        assert losses == pytest.approx(results[0][0], rel=1e-11)
        assert np.linalg.norm(gradient - results[0][1]) <= 1e-11 * np.linalg.norm(results[0][1])


@pytest.mark.network
def test_the_losses_of_the_real_network_are_the_same(real_network, random, monkeypatch):
    network, totals = vgg.load(real_network), []
    content, style = np.kron(random.uniform(0, 255, (2, 24, 32, 3)), np.ones((1, 8, 8, 1))).astype(np.float32)
    for wide in (layers.WIDE, 10**6):
        monkeypatch.setattr(layers, "WIDE", wide)
        with Objective(network, Settings(precision="float32")) as objective:
            objective.aim(content, [style])
            totals.append(objective.evaluate(content)[0]["total"])
    assert totals[0] == pytest.approx(totals[1], rel=1e-5)
    assert totals[0] != totals[1]
