"""The evaluator: the border folded back, tiles by any map, and smaller tiles where memory runs out."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from brushwork.engine import evaluator
from brushwork.engine.evaluator import Evaluator
from brushwork.engine.tile_graph import TileGraph
from brushwork.errors import DoesNotFit
from brushwork.settings import Settings
from stylize import Masks, make_objective
from tests.helpers import tiny_networks
from tests.helpers.tiny_networks import FEW_LAYERS


def test_the_gradient_of_the_border_is_added_to_the_pixels_that_it_repeats():
    # Each pixel of the padded picture counts once: a corner pixel of the picture stands for 3x3, an edge pixel for 3.
    folded = evaluator._folded(np.ones((3 + 4, 4 + 4, 1), np.float32), 2)[:, :, 0]
    np.testing.assert_array_equal(folded, [[9, 3, 3, 9], [3, 1, 1, 3], [9, 3, 3, 9]])
    # A picture of one row or column is at both borders.
    np.testing.assert_array_equal(evaluator._folded(np.ones((5, 6, 1)), 2)[:, :, 0], [[15, 15]])


def test_folding_is_the_transpose_of_padding(random):
    picture, gradient = random.normal(0, 1, (5, 4, 3)), random.normal(0, 1, (9, 8, 3))
    padded = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="edge")
    folded = evaluator._folded(gradient.copy(), 2)
    assert np.vdot(padded, gradient) == pytest.approx(np.vdot(picture, folded), rel=1e-12)
    np.testing.assert_array_equal(evaluator._folded(gradient, 0), gradient)
    assert folded.flags.c_contiguous


def failing(tile_size, error):
    """An Evaluator that raises an error whenever it begins with a picture, and the tile sizes with which it did."""
    found, failing = [], Evaluator(SimpleNamespace(padding=0, margin=0))
    failing.tile_size = tile_size

    def padded(picture):
        found.append(failing.tile_size)
        assert len(found) < 9
        raise error

    failing._padded = padded
    return failing, found


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
    for name, others in (("evaluate", [{}]), ("total", ["style_sums/style", {}]), ("features", [[]])):
        patient, found = failing(tile_size, error)
        with pytest.raises(DoesNotFit, match=f"out of memory, even in tiles of {tried[-1] or max(size)} pixels"):
            getattr(patient, name)(picture, *others)
        assert found == tried


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    patient, found = failing(None, tf.errors.InvalidArgumentError(None, None, "wrong"))
    with pytest.raises(tf.errors.InvalidArgumentError):
        patient.evaluate(np.zeros((300, 400, 3), np.float32), {})
    assert found == [None]


def test_tiles_stay_small_once_memory_has_run_out(caplog):
    patient, _ = failing(None, MemoryError())
    with pytest.raises(DoesNotFit):
        patient.evaluate(np.zeros((300, 400, 3), np.float32), {})
    assert caplog.messages[0] == "out of memory; continuing in tiles of 192 pixels"
    for wanted, kept in ((None, 64), (512, 64), (32, 32)):
        patient.tile_size = wanted
        assert patient.tile_size == kept


def scarce(rows):
    """A TileMap that runs out of memory when a picture or a tile has more than so many rows."""

    def run(graph, outputs, picture, sum_gradients):
        for index in range(len(picture)):
            if picture.pixels(index)["image"].shape[0] > rows:
                raise MemoryError
            yield evaluator.run_tile(graph, outputs, picture, index, sum_gradients)

    return run


def test_the_sums_of_tiles_are_added_up_in_float64(tiny, random):
    content = random.uniform(0, 255, (40, 20, 3)).astype(np.float32)
    with make_objective(tiny, Settings(style_layers=("relu1_1",), content_weight=0)) as objective:
        for tile_size in (None, 16):
            objective.set_targets(content, [content], tile_size=tile_size)
            sums = objective._evaluator.total(content, "style_sums/style", {})["relu1_1"]
            assert {array.dtype for array in sums} == {np.dtype(np.float64)}
            assert sums.count == 800


def test_an_evaluation_out_of_memory_goes_on_in_smaller_tiles(random):
    content, image = random.uniform(0, 255, (2, 200, 20, 3))
    settings = Settings(tile_size="none", style_layers=("relu1_1", "relu2_1"), content_layers=("relu1_2",))
    with make_objective(tiny_networks.tiny_network(np.float64), settings) as objective:
        objective.set_targets(content, [content])
        whole, gradient = objective.evaluate(image)
        objective._evaluator._map_tiles = scarce(150)
        losses, slope = objective.evaluate(image)
    assert objective._evaluator.tile_size == 96
    # Sums of float64 in another order: 4000 terms of about one size.
    assert losses == pytest.approx(whole, rel=1e-11)
    np.testing.assert_allclose(slope, gradient, rtol=0, atol=1e-11 * np.abs(gradient).max())


def test_tiles_may_be_computed_anywhere_and_in_any_order(random):
    """What is fed can be sent elsewhere, and the results are added up in the order of the tiles."""
    content, style, image = random.uniform(0, 255, (3, 60, 40, 3)).astype(np.float32)
    mask = random.uniform(0, 1, (60, 40)).astype(np.float32)
    settings, masks, results = Settings(**FEW_LAYERS), Masks((mask,)), []

    def elsewhere(graph, outputs, picture, sum_gradients):
        recipe, parts = pickle.loads(pickle.dumps((graph.recipe, [picture.pixels(i) for i in range(len(picture))])))
        with TileGraph(recipe) as other:
            lasting = [picture.fields(index) | picture.constants for index in range(len(picture))]
            sent = [a | b | dict(sum_gradients) for a, b in zip(parts, lasting, strict=True)]
            backwards = [other.run(outputs, each) for each in reversed(sent)]
        return [pickle.loads(pickle.dumps(each)) for each in reversed(backwards)]

    for map_tiles in (evaluator.map_here, elsewhere):
        with make_objective(tiny_networks.tiny_network(), settings, masks, map_tiles=map_tiles) as objective:
            objective.set_targets(content, [style], masks, tile_size=16)
            results.append(objective.evaluate(image))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_a_recipe_holds_what_was_chosen_here(tiny):
    with make_objective(tiny, Settings(**FEW_LAYERS), threads=3) as objective:
        recipe = objective._tile_graph.recipe
        assert tf.ConfigProto.FromString(recipe.config).intra_op_parallelism_threads == 3
        assert recipe.kernels == (False, False)
        with TileGraph(recipe) as other:
            assert other.recipe == recipe
