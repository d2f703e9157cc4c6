"""The instant network against an oracle in NumPy, in bands against the whole, and its weights."""

import hashlib

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine.session import open_session
from brushwork.errors import DoesNotFit, NetworkError
from brushwork.preview import memory, transformer, weights
from brushwork.preview.layers import NORMALIZED
from brushwork.preview.network import PreviewNetwork
from brushwork.preview.predictor import predict
from brushwork.preview.transformer import Transformer, block_kernel, merge_moments, reflect
from tests.helpers.tiers import spot_checks
from tests.reference import preview as oracle

STYLE = np.array([0.3, -1, 0.7, 0.2, -0.4])


@pytest.fixture(scope="module")
def tiny():
    return oracle.tiny_network()


@pytest.fixture(scope="module")
def run(tiny):
    """run(content, style, band=, layers=) -> the tiny network's picture. layers: instead of those for the styles."""
    opened = {}

    def run(content, style, *, band=transformer.BAND, layers=None):
        if band not in opened:
            with tf.Graph().as_default() as graph:
                steps = Transformer(tiny.layers, band=band)
                opened[band] = steps, open_session(graph)
        steps, session = opened[band]
        steps._layers = layers or tiny.layers  # the graph has all the others
        return finish(steps.run(session, content, style))

    yield run
    for _, session in opened.values():
        session.close()


def finish(generator):
    while True:
        try:
            next(generator)
        except StopIteration as stop:
            return stop.value


@pytest.mark.parametrize("side", [32, 45])
def test_the_predictor_is_the_oracles(tiny, random, side):
    picture = random.random((side, side + 3, 3)).astype(np.float32)
    with tf.Graph().as_default() as graph, open_session(graph) as session:
        layers = {n: tuple(None if a is None else tf.constant(a) for a in pair) for n, pair in tiny.layers.items()}
        found = session.run(predict(tf.constant(picture[np.newaxis]), layers))[0]
    expected = oracle.vector(picture, tiny.layers)
    assert np.abs(expected).max() > 0.1
    # 53 layers in float32, each with an error of a few units in the last place: 53 * 4 * 6e-8 of the largest value.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("size", [(20, 24), (24, 20)])
def test_the_transformer_is_the_oracles(run, tiny, random, size):
    content = random.random((*size, 3)).astype(np.float32)
    found = run(255 * content, STYLE) / 255
    expected = oracle.picture(content, STYLE, tiny.layers)
    assert expected.std() > 0.02
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("band", [1, 700, 3000])
def test_bands_make_the_same_picture_as_the_whole(run, tiny, random, band):
    content = 255 * random.random((40, 36, 3)).astype(np.float32)
    # The same sums in another order: errors of 1e-7, which 13 normalisations one after the other enlarge, some twice.
    difference = np.abs(run(content, STYLE, band=band) - run(content, STYLE))
    assert difference.max() < 255 * 1e-7 * 2**13 / 8


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (5, 7), (21, 22), (23, 27)])
def test_any_size(run, tiny, random, size):
    """Sides are reflected up to multiples of four, and what was added is cut off."""
    content = 255 * random.random((*size, 3)).astype(np.float32)
    found = run(content, STYLE)
    assert found.shape == content.shape
    assert np.isfinite(found).all()
    if min(size) > 4:
        padded = np.pad(content, ((0, -size[0] % 4), (0, -size[1] % 4), (0, 0)), mode="reflect")
        np.testing.assert_array_equal(found, run(padded, STYLE)[: size[0], : size[1]])


def test_reflection():
    assert reflect(range(-3, 8), 4).tolist() == [3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert reflect(range(-2, 3), 1).tolist() == [0] * 5


def test_merged_moments_are_those_of_the_whole(random):
    parts = [random.normal(5, 2, (count, 3)) for count in (1, 4, 7)]
    mean, variance = merge_moments([(len(part), part.mean(axis=0), part.var(axis=0)) for part in parts])
    whole = np.concatenate(parts)
    np.testing.assert_allclose(mean, whole.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, whole.var(axis=0), rtol=1e-12)


def test_a_blocked_kernel_computes_neighbours(random):
    kernel, net = random.normal(0, 1, (3, 3, 2, 1)), random.normal(0, 1, (6, 6, 2))
    blocks = oracle.convolution(net, (block_kernel(kernel, 2), None), 2)  # [2, 2, 4]
    expected = oracle.convolution(net, (kernel, None))  # [4, 4, 1]
    np.testing.assert_allclose(blocks.reshape(2, 2, 2, 2).transpose(0, 2, 1, 3).reshape(4, 4, 1), expected)


def test_the_included_network():
    network = weights.load()
    arrays = [array for pair in network.layers.values() for array in pair if array is not None]
    assert sum(array.size for array in arrays) == 177_718 + 2_334_916 - 100  # the last bias of the predictor is zero
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    with open(weights.FILE, "rb") as file:
        data = file.read()
    assert len(data) <= 3_000_000
    assert hashlib.sha256(data).hexdigest() == weights.DIGEST


def test_damaged_weights_are_refused(tmp_path):
    with open(weights.FILE, "rb") as file:
        data = file.read()
    for text, damage in {"damaged": data[:-3000], "empty": b"", "no layer first": None}.items():
        path = tmp_path / "net.npz"
        if damage is None:
            np.savez(path, other=1)
        else:
            path.write_bytes(damage)
        with pytest.raises(NetworkError, match=text):
            weights.load(str(path))
    with pytest.raises(NetworkError, match="first has a kernel of shape"):
        weights.checked_weights(dict.fromkeys(weights.kernel_shapes(), (np.zeros((1, 1, 3, 3)), None)))


def test_a_file_that_has_changed_is_refused(monkeypatch):
    monkeypatch.setattr(weights, "DIGEST", "0")
    with pytest.raises(NetworkError, match="not the file that belongs to this program"):
        weights.load()


def test_what_does_not_fit_is_refused_with_a_width_that_does(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 3e9)
    memory.check((3000, 4000))
    with pytest.raises(DoesNotFit, match=r"--width (\d+) would fit") as refused:
        memory.check((30000, 40000), masks=2)
    width = int(str(refused.value).split("--width ")[1].split()[0])
    memory.check((width * 3 // 4, width), masks=2)


@pytest.mark.parametrize("picture", spot_checks(["constant", "black", "white", "noise"], keep=(0, 3)))
def test_odd_pictures_stay_finite(picture, random):
    """With the included network; a constant picture has features without variance."""
    content = {"constant": 100, "black": 0, "white": 255}.get(picture, 255 * random.random((33, 47, 3)))
    content = np.broadcast_to(np.float32(content), (33, 47, 3)).astype(np.float32)
    with PreviewNetwork(weights.load()) as network:
        image = finish(network.render(content, [(1, content)]))
    assert np.isfinite(image).all()
    assert image.min() >= 0
    assert image.max() <= 255


def test_the_picture_has_no_border_of_bands(monkeypatch, random):
    """The difference to one piece is no larger where bands meet than elsewhere: it is rounding."""
    content = np.kron(255 * random.random((12, 10, 3)), np.ones((8, 8, 1))).astype(np.float32)
    images = []
    for band in (transformer.BAND, 8 * 80 * 8):
        with PreviewNetwork(weights.load(), band=band) as network:
            images.append(finish(network.render(content, [(1, content)])))
    assert np.abs(images[1] - images[0]).max() < 0.05  # of 255


def test_every_normalisation_depends_on_the_style(run, tiny, random):
    content = 255 * random.random((16, 16, 3)).astype(np.float32)
    before = run(content, STYLE)
    for stage in NORMALIZED:
        layers = dict(tiny.layers)
        for part in ("scale", "shift"):
            kernel, bias = layers[f"{stage.name}_{part}"]
            layers[f"{stage.name}_{part}"] = kernel + 1, bias
        assert np.abs(run(content, STYLE, layers=layers) - before).max() > 1e-2
