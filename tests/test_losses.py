"""The terms of the loss: by hand, by finite differences, and a new term in a few lines."""

import dataclasses
import gc
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

import stylize
from brushwork.engine import sums as sums_of
from brushwork.engine.sums import Moments
from brushwork.engine.term import Constant, Field, Pixels, Term
from brushwork.losses.style import StyleTerm
from brushwork.pictures import metadata, sizes
from brushwork.settings import Settings
from stylize import Content, Gram, Masks, Variation, make_objective, make_terms
from tests.helpers import tiny_networks
from tests.helpers.tiers import spot_checks
from tests.helpers.tiny_networks import FEW_LAYERS

pytestmark = pytest.mark.numerical


def alike(count):
    """Equal blend weights."""
    return (1 / count,) * count


def run(function, *arrays):
    """The value of a function of tensors for arrays."""
    with tf.Graph().as_default(), tf.Session() as session:
        return session.run(function(*map(tf.constant, arrays)))


def test_squared_error_by_hand():
    features = np.zeros((2, 2, 2))
    features[0, 0] = 3, 4
    assert run(sums_of.squared_error, features, np.zeros((2, 2, 2))) == (pytest.approx(25), 8)


def test_masked_squared_error_by_hand():
    features, mask = np.zeros((2, 2, 2)), np.array([[[0.5], [1]], [[0], [1]]])
    features[0, 0], features[1, 0], features[1, 1] = (3, 4), (100, 100), (1, 2)
    error = run(sums_of.squared_error, features, np.zeros((2, 2, 2)), mask)
    assert error == (pytest.approx(0.5 * 25 + 5), 8)


def test_moments_by_hand():
    # Two positions of two channels: F'F = [[1 + 9, 2 + 12], [2 + 12, 4 + 16]].
    features = np.array([[[1.0, 2.0]], [[3.0, 4.0]]])
    count, first, second = run(sums_of.moments, features)
    assert (count.tolist(), first.tolist()) == ([2], [[4, 6]])
    np.testing.assert_allclose(second, [[[10, 14], [14, 20]]])
    masks = np.array([[[1.0, 0.0]], [[0.0, 0.5]]])
    count, first, second = run(sums_of.moments, features, masks)
    assert (count.tolist(), first.tolist()) == ([1, 0.5], [[1, 2], [1.5, 2]])
    np.testing.assert_allclose(second, [[[1, 2], [2, 4]], [[4.5, 6], [6, 8]]])


@pytest.mark.parametrize(("normalization", "scale"), [("classic", 1), ("positions", 4), ("sums", 1)])
def test_gram_loss_by_hand(normalization, scale):
    # G = S / (n C): of 4 positions and 2 channels, S / 8; the target, of 1 and 2, S / 2. Then times C^2, or C^2 / 4.
    second = np.array([[[8.0, 16.0], [16.0, 40.0]], [[8.0, 0.0], [0.0, 24.0]]])
    sums = Moments(np.array([4.0, 4.0]), np.zeros((2, 2)), second)
    term = Gram({"": 1.0}, blend=alike, mask_count=2, normalization=normalization)
    target = term.target(Moments(np.ones(2), np.zeros((2, 2)), np.stack([2 * np.eye(2)] * 2)))
    distances = run(lambda target, *sums: term.distances({"": Moments(*sums)}, {"": target})[""], target, *sums)
    np.testing.assert_allclose(distances, [scale * (0 + 4 + 4 + 16) / 4, scale * 4 / 4])


def test_the_variance_of_a_blend_by_hand():
    # Of the Gram matrices [[1]] and [[4]] with shares 1/3 and 2/3 the blend is 3: 1/3 (1 - 3)^2 + 2/3 (4 - 3)^2 = 2.
    def moments(*values):
        return Moments(np.ones(len(values)), np.zeros((len(values), 1)), np.array(values).reshape(-1, 1, 1))

    variance = Gram({"": 1.0}, blend=alike).blend_variance(moments(1.0, 4.0), moments(3.0), np.array([1, 2]) / 3)
    assert variance == pytest.approx(2, rel=1e-12)
    assert StyleTerm({"": 1.0}, blend=alike).blend_variance(None, None, None) == 0


@pytest.mark.parametrize(("normalization", "expected"), [("mean", 25 / 8), ("sum", 25 / 2), ("relative", 25 / 8 / 4)])
def test_content_loss_by_hand(normalization, expected):
    features, target = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    features[0, 0] = 3, 4
    term = Content({"relu4_2": 10.0}, normalization)

    def loss(features, target):
        inputs = {"target": {"relu4_2": target}, "mean_square": {"relu4_2": 4.0}, "mask": {}}
        return term.losses(term.sums(None, {"relu4_2": features}, inputs), inputs)["content/relu4_2"]

    assert run(loss, features, target) == pytest.approx(10 * expected)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [(np.float32, 0.0, 1.0), (np.float32, 3.0, 9.0), (tf.bfloat16.as_numpy_dtype, 1 + 2**-7, (1 + 2**-7) ** 2)],
    ids=["zero", "three", "bfloat16"],
)
def test_the_mean_square_of_the_content_by_hand(dtype, value, expected):
    """Of features that are all zero it is 1, by which can be divided; those in bfloat16 are squared in float32."""
    measure = SimpleNamespace(features=lambda picture: {"relu4_2": np.full((2, 3, 4), value, dtype)})
    content = np.zeros((16, 24, 3), np.float32)
    targets = Content({"relu4_2": 1.0}, "relative").targets(content, [], Masks(), measure)
    assert targets["mean_square"] == {"relu4_2": expected}


def test_the_count_under_a_mask_is_exact():
    # 2^24 + 1 is no number of float32: added up in any order, one of these loses the 1.
    large = 2.0**24
    masks = np.array([[[large, 1, large], [1, large, -large], [-large, -large, 1]]], np.float32)
    assert run(sums_of.moments, np.zeros((1, 3, 2), np.float32), masks)[0].tolist() == [1, 1, 1]


@pytest.mark.parametrize("count", [None, 1, 2])
def test_the_gradient_of_moments_is_that_of_automatic_differentiation(random, count):
    features, upstream = random.normal(0, 1, (3, 4, 5)), random.normal(0, 1, (count or 1, 5, 5))
    masks = [] if count is None else [random.uniform(0, 1, (3, 4, count))]

    def plain(tensor, masks=None):
        flat = tf.reshape(tensor, [-1, 5])
        weights = tf.ones([12, 1], tf.float64) if masks is None else tf.reshape(masks, [12, -1])
        return tf.einsum("pk,pc,pd->kcd", weights, flat, flat)

    def ours(tensor, masks=None):
        return sums_of.moments(tensor, masks).second

    def gradient(function):
        return lambda tensor, *masks: tf.gradients(function(tensor, *masks), tensor, upstream)[0]

    # 12 products are added up: 1e-14 is some 50 units in the last place.
    np.testing.assert_allclose(run(plain, features, *masks), run(ours, features, *masks), rtol=1e-12, atol=1e-14)
    found, expected = (run(gradient(function), features, *masks) for function in (ours, plain))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_sums_of_bfloat16_features_are_float32(random):
    # Of features between 1 and 2 nothing cancels: rounding each to 8 bits, and a sum to 8 bits, is off by 3 * 2^-8.
    features = random.uniform(1, 2, (4, 5, 3))
    for function in (
        lambda tensor: sums_of.moments(tensor).first,
        lambda tensor: sums_of.moments(tensor).second,
        lambda tensor: sums_of.squared_error(tensor, tf.zeros_like(tensor)).sum,
    ):
        value = run(lambda tensor, function=function: function(tf.cast(tensor, tf.bfloat16)), features)
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, run(function, features), rtol=3 / 2**8)


@pytest.mark.parametrize("masked", [False, True])
def test_counts_and_means_beside_bfloat16_are_exact(masked):
    # 257 has nine bits; numbers of bfloat16 have eight.
    def sums(features, *masks):
        return sums_of.moments(tf.cast(features, tf.bfloat16), *masks)[:2]

    count, first = run(sums, np.ones((1, 257, 2)), *([np.ones((1, 257, 1), np.float32)] if masked else []))
    assert (count.tolist(), first.tolist()) == ([257], [[257, 257]])


def test_errors_in_bfloat16_are_exact():
    # 1 + 2^-7 - 2^-9 has ten bits, and its square twenty.
    def error(*pair):
        return sums_of.squared_error(*(tf.cast(each, tf.bfloat16) for each in pair)).sum

    found = run(error, np.full((1, 1, 1), 1 + 2**-7), np.full((1, 1, 1), 2**-9))
    assert found == (1 + 2**-7 - 2**-9) ** 2


def variation(image, norm, more=(0, 0)):
    """(the sums of both directions, their counts, the gradient of the sums' sum), of all but the last `more` sides."""
    height, width = (length - extra for length, extra in zip(image.shape, more, strict=False))

    def of(tensor):
        totals = Variation(1.0, norm).sums(Pixels(tensor[:height, :width], tensor), {}, {}).values()
        sums = [total.sum for total in totals]
        return sums, [total.count for total in totals], tf.gradients(sums, tensor)[0]

    return run(of, image)


def test_variation_by_hand():
    image = np.zeros((2, 3, 1))
    image[0, 1] = 6
    # Of three vertical differences one is 6, of four horizontal ones two.
    sums, counts, gradient = variation(image, "squares")
    assert (sums, counts) == ([36, 72], [3, 4])
    np.testing.assert_array_equal(gradient[:, :, 0], [[-12, 12 + 24, -12], [0, -12, 0]])
    sums, counts, gradient = variation(image, "absolute")
    assert sums == pytest.approx([6 / 255, 12 / 255])
    np.testing.assert_allclose(gradient[:, :, 0] * 255, [[-1, 1 + 2, -1], [0, -1, 0]])


def test_a_tile_counts_each_difference_once():
    image = np.arange(12.0).reshape(3, 4, 1) ** 2
    whole, counts, _ = variation(image, "squares")
    parts = [
        variation(image[rows, columns], "squares", more)[:2]
        for rows, below in ((slice(0, 3), 1), (slice(2, 3), 0))
        for columns, right in ((slice(0, 2), 1), (slice(1, 4), 0))
        for more in [(below, right)]
    ]
    np.testing.assert_allclose(sum(np.array(part[0]) for part in parts), whole)
    assert sum(np.array(part[1]) for part in parts).tolist() == counts


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
def test_the_variation_of_a_line(size):
    sums, _, gradient = variation(np.full((*size, 3), 7.0), "squares")
    assert sums == [0, 0]
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("norm", ["squares", "absolute"])
def test_the_variation_in_the_loss(tiny, random, norm):
    image, direction = random.normal(0, 50, (2, 9, 7, 3))
    settings = Settings(content_weight=0, style_weight=0, tv_weight=7, tv_norm=norm)
    with make_objective(tiny_networks.tiny_network(np.float64), settings) as objective:
        objective.set_targets(image, [image])
        losses, gradient = objective.evaluate(image)
        ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-5, -1e-5))
    down, right = np.diff(image, axis=0), np.diff(image, axis=1)
    expected = {
        "squares": np.mean(down**2) + np.mean(right**2),
        "absolute": (np.abs(down).sum() + np.abs(right).sum()) / 255,
    }
    assert losses == pytest.approx({"content": 0, "style": 0, "tv": 7 * expected[norm], "total": 7 * expected[norm]})
    assert np.vdot(gradient, direction) == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)


class MeansAndVariances(StyleTerm):
    """A style loss of its own: the squared differences of the channels' means and variances."""

    def target_inputs(self, channels):
        assert not gc.isenabled()  # while a graph is built
        return Constant((2, self.target_count, channels))

    def target(self, style):
        return np.stack([style.first, np.diagonal(style.second, axis1=1, axis2=2) - style.first**2])

    def distances(self, sums, targets):
        assert not gc.isenabled()
        distances = {}
        for layer, target in targets.items():
            means, squares = sums[layer].first, tf.linalg.diag_part(sums[layer].second)
            means, squares = means / sums[layer].count[:, None], squares / sums[layer].count[:, None]
            distances[layer] = tf.reduce_sum(tf.square(tf.stack([means, squares - means**2]) - target), axis=[0, 2])
        return distances


@pytest.mark.parametrize("masked", spot_checks([False, True], keep=(1,)))
def test_a_new_style_loss_is_a_target_and_a_distance(random, masked):
    """Its gradient is right, untiled and in tiles, with masks and two styles."""
    size = 40, 56
    content, one, two, image, direction = random.uniform(0, 255, (5, *size, 3))
    given = Masks(tuple(random.uniform(0, 1, (2, *size)))) if masked else Masks()
    settings = Settings(pooling="avg", style_blend_weights=(1, 3), **FEW_LAYERS)
    network, results = tiny_networks.tiny_network(np.float64), []
    style = MeansAndVariances(settings.style_layer_weights, settings.blend, mask_count=len(given.styles))
    classic = make_terms(settings, given)
    with make_objective(network, settings, given, terms=[classic[0], style, classic[2]]) as objective:
        for tile_size in (None, 16):
            objective.set_targets(content, [one, two], given, tile_size=tile_size)
            results.append(objective.evaluate(image))
            ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (1e-5, -1e-5))
            assert np.vdot(results[-1][1], direction) == pytest.approx((ahead - behind) / 2e-5, rel=1e-6)
    (losses, gradient), (tiled_losses, tiled_gradient) = results
    assert tiled_losses == pytest.approx(losses, rel=1e-11)
    np.testing.assert_allclose(tiled_gradient, gradient, atol=1e-10 * np.abs(gradient).max())
    with make_objective(network, dataclasses.replace(settings), given) as gram:
        gram.set_targets(content, [one, two], given)
        assert gram.evaluate(image)[0]["style"] != pytest.approx(losses["style"], rel=0.1)


@dataclasses.dataclass(frozen=True)
class Likeness(Term):
    """The absolute difference from a picture [H, W, 3], under a mask [H, W, 1]: a term that is added below."""

    picture: np.ndarray
    mask: np.ndarray
    weight: float
    name = "likeness"

    def inputs(self, channels):
        return {"picture": Field(3), "mask": Field(1)}

    def targets(self, content, styles, masks, measure):
        return {name: sizes.resample(getattr(self, name), *content.shape[:2]) for name in ("picture", "mask")}

    def sums(self, pixels, features, inputs):
        return tf.reduce_sum(inputs["mask"] * tf.abs(pixels.core - inputs["picture"]))

    def losses(self, sums, inputs):
        return {"likeness": self.weight * sums}


def with_likeness(random, settings, dtype=np.float32):
    """(a content, a style, an image, a Likeness, the terms of the settings and it)."""
    content, style, picture, image = random.uniform(0, 255, (4, 40, 56, 3)).astype(dtype)
    likeness = Likeness(picture, random.uniform(0, 1, (40, 56, 1)).astype(dtype), weight=0.5)
    return content, style, image, likeness, [*make_terms(settings), likeness]


@pytest.mark.parametrize("padding", spot_checks(["zero", "replicate"], keep=(1,)))
@pytest.mark.parametrize("tile_size", [None, 16])
def test_a_term_of_pixels_is_one_class(random, tile_size, padding):
    settings = Settings(padding=padding, **FEW_LAYERS)
    content, style, image, likeness, terms = with_likeness(random, settings, np.float64)
    network, results = tiny_networks.tiny_network(np.float64), []
    for each in (make_terms(settings), terms):
        with make_objective(network, settings, terms=each) as objective:
            objective.set_targets(content, [style], tile_size=tile_size)
            results.append(objective.evaluate(image))
    (classic, without), (losses, gradient) = results
    mask, difference = np.float32(likeness.mask), image - np.float32(likeness.picture)  # as `resample` gives them
    assert losses["likeness"] == pytest.approx(0.5 * np.sum(mask * np.abs(difference)), rel=1e-10)
    assert list(losses)[:5] == ["content", "style", "tv", "likeness", "total"]
    assert losses == pytest.approx(classic | {name: losses[name] for name in ("likeness", "total")}, rel=1e-10)
    assert losses["total"] == pytest.approx(classic["total"] + losses["likeness"], rel=1e-10)
    np.testing.assert_allclose(gradient - without, 0.5 * mask * np.sign(difference), atol=1e-9 * np.abs(gradient).max())


def test_a_term_of_pixels_is_exact_beside_a_network_in_bfloat16(tiny, random):
    settings = Settings(**FEW_LAYERS)
    content, style, image, likeness, terms = with_likeness(random, settings)
    with make_objective(tiny, settings, terms=terms, precision="bfloat16") as objective:
        objective.set_targets(content, [style])
        losses, _ = objective.evaluate(image)
    exact = 0.5 * np.sum(likeness.mask * np.abs(image - likeness.picture), dtype=np.float64)
    assert losses["likeness"] == pytest.approx(exact, rel=1e-5)  # 6,720 summands in float32


def test_a_new_term_is_shown_wherever_losses_are(command, monkeypatch, random):
    """In the progress, the table, TensorBoard and the picture's metadata, without a line elsewhere."""
    from tensorflow.python.summary.summary_iterator import summary_iterator

    picture, mask = random.uniform(0, 255, (30, 40, 3)).astype(np.float32), np.ones((30, 40, 1), np.float32)
    terms = stylize.make_terms

    def with_another(settings, masks):
        return [*terms(settings, masks), Likeness(picture, mask, 0.01)]

    def made(network, settings, masks, *, precision):
        return make_objective(network, settings, masks, precision=precision, terms=with_another(settings, masks))

    monkeypatch.setattr(stylize, "make_objective", made)
    status, out, err = command("--progress-write", "--tensorboard", "board", "--print-iterations", 1, "--verbose")
    assert status == 0, err
    assert re.search(r"likeness loss: \d", out)
    assert re.search(r"likeness loss \d", err)
    header, *rows = Path("progress.txt").read_text().splitlines()
    assert header == "# itr content style tv likeness total"
    assert all(len(row.split()) == 6 for row in rows)
    assert list(metadata.read("out.png")["losses"]) == ["content", "style", "tv", "likeness", "total"]
    events = [event for path in Path("board").iterdir() for event in summary_iterator(str(path))]
    assert "loss/likeness" in {value.tag for event in events for value in event.summary.value}


def test_two_terms_of_one_name_are_refused(tiny):
    settings = Settings(**FEW_LAYERS)
    for extra in (Variation(1.0), Likeness(None, None, 1)):
        if extra.name == "likeness":
            object.__setattr__(extra, "name", "total")
        with pytest.raises(ValueError, match="each term needs a name of its own"):
            make_objective(tiny, settings, terms=[*make_terms(settings), extra])
