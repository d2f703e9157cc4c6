"""Sweeps: the border folded back, and smaller tiles where memory runs out."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine import sweeps
from brushwork.errors import DoesNotFit
from brushwork.settings import Settings
from stylize import Objective
from tests.helpers import tiny_networks


def test_the_gradient_of_the_border_is_added_to_the_pixels_that_it_repeats():
    # Each pixel of the padded picture counts once: a corner pixel of the picture stands for 3x3, an edge pixel for 3.
    folded = sweeps._folded(np.ones((3 + 4, 4 + 4, 1), np.float32), 2)[:, :, 0]
    np.testing.assert_array_equal(folded, [[9, 3, 3, 9], [3, 1, 1, 3], [9, 3, 3, 9]])
    # A picture of one row or column is at both borders.
    np.testing.assert_array_equal(sweeps._folded(np.ones((5, 6, 1)), 2)[:, :, 0], [[15, 15]])


def test_folding_is_the_transpose_of_padding(random):
    picture, gradient = random.normal(0, 1, (5, 4, 3)), random.normal(0, 1, (9, 8, 3))
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    folded = sweeps._folded(gradient.copy(), 2)
    assert np.vdot(padded, gradient) == pytest.approx(np.vdot(picture, folded), rel=1e-12)
    np.testing.assert_array_equal(sweeps._folded(gradient, 0), gradient)
    assert folded.flags.c_contiguous


def failing(tile_size, error):
    """Sweeps that raise an error whenever they begin with a picture, and the tile sizes with which they did."""
    found, evaluation = [], object.__new__(sweeps.Sweeps)
    evaluation.tile_size = tile_size

    def padded(picture):
        found.append(evaluation.tile_size)
        assert len(found) < 9
        raise error

    evaluation._padded = padded
    evaluation.__dict__["_of_sums"] = [], {}, {}
    return evaluation, found


@pytest.mark.parametrize(
    ("tile_size", "size", "tried"),
    [
        (None, (300, 400), [None, 192, 96, 64]),  # half of 400 is 200, of which 192 is a multiple of 16
        (1000, (400, 300), [1000, 192, 96, 64]),  # tiles larger than the picture are the whole picture
        (128, (300, 400), [128, 64]),
        (None, (50, 60), [None]),
    ],
    ids=str,
)
@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM")], ids=str)
def test_tiles_are_halved_until_they_are_smallest(tile_size, size, tried, error):
    picture = np.zeros((*size, 3), np.float32)
    for name, others in (("evaluate", ({}, {})), ("total", ([], {})), ("features", ([],))):
        evaluation, found = failing(tile_size, error)
        with pytest.raises(DoesNotFit, match=f"out of memory, even in tiles of {tried[-1] or max(size)} pixels"):
            getattr(evaluation, name)(picture, *others)
        assert found == tried


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    evaluation, found = failing(None, tf.errors.InvalidArgumentError(None, None, "wrong"))
    with pytest.raises(tf.errors.InvalidArgumentError):
        evaluation.evaluate(np.zeros((300, 400, 3), np.float32), {}, {})
    assert found == [None]


class Scarce:
    """A session that runs out of memory when it is fed a picture or tile of more than so many rows."""

    def __init__(self, session, image, rows):
        self.session, self.image, self.rows = session, image, rows

    def run(self, fetches, feed):
        if self.image in feed and feed[self.image].shape[0] > self.rows:
            raise MemoryError
        return self.session.run(fetches, feed)


def test_the_sums_of_tiles_are_added_up_in_float64(tiny, random):
    content = random.uniform(0, 255, (40, 20, 3)).astype(np.float32)
    with Objective(tiny, Settings(style_layers=("relu1_1",), content_weight=0)) as objective:
        for tile_size in (None, 16):
            objective.aim(content, [content], tile_size=tile_size)
            sums = objective._sweeps.total(content, objective._style_sums, {})["relu1_1"]
            assert {array.dtype for array in sums} == {np.dtype(np.float64)}
            assert sums.count == 800


def test_an_evaluation_out_of_memory_goes_on_in_smaller_tiles(random):
    content, image = random.uniform(0, 255, (2, 200, 20, 3))
    settings = Settings(tile_size="none", style_layers=("relu1_1", "relu2_1"), content_layers=("relu1_2",))
    with Objective(tiny_networks.tiny_network(np.float64), settings) as objective:
        objective.aim(content, [content])
        whole, gradient = objective.evaluate(image)
        engine = objective._sweeps
        engine._session = Scarce(engine._session, engine.image, 150)
        losses, slope = objective.evaluate(image)
    assert engine.tile_size == 96
    # Sums of float64 in another order: 4000 terms of about one size.
    assert losses == pytest.approx(whole, rel=1e-11)
    np.testing.assert_allclose(slope, gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())
