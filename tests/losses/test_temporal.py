"""The temporal loss: by hand, its gradient, in tiles, at smaller sizes, and where nothing came before."""

import numpy as np
import pytest

from brushwork.losses.temporal import Predecessor, Temporal
from brushwork.settings import Settings
from stylize import make_objective, make_terms
from tests.helpers.tiny_networks import FEW_LAYERS, tiny_network

SIZE = 40, 48
SETTINGS = Settings(tile_size="none")
pytestmark = pytest.mark.numerical


@pytest.fixture(scope="module")
def predecessor():
    random = np.random.default_rng(5)
    found = Predecessor()
    warped, consistency = random.uniform(0, 255, (*SIZE, 3)), random.uniform(0, 1, SIZE)
    found.set(warped.astype(np.float32), consistency.astype(np.float32))
    return found


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(6).uniform(0, 255, (*SIZE, 3))


@pytest.fixture(scope="module")
def objective(predecessor):
    """Of the temporal loss with weight 0.5 alone, in float64."""
    with make_objective(tiny_network(np.float64), SETTINGS, terms=[Temporal(0.5, predecessor)]) as objective:
        yield objective


def test_by_hand(objective, predecessor, image):
    objective.set_targets(image, [image], tile_size=None)
    losses, gradient = objective.evaluate(image)
    errors = image - predecessor.warped
    weights = predecessor.consistency[:, :, np.newaxis] * np.ones(3)
    assert losses["temporal"] == pytest.approx(0.5 * np.mean(weights * errors**2), rel=1e-6)
    np.testing.assert_allclose(gradient, weights * errors / errors.size, rtol=1e-6)


def test_the_gradient_by_finite_differences(objective, image):
    objective.set_targets(image, [image], tile_size=None)
    _, gradient = objective.evaluate(image)
    direction = np.random.default_rng(8).normal(0, 1, image.shape)
    ahead, behind = (objective.evaluate(image + step * direction)[0]["total"] for step in (0.5, -0.5))
    assert ahead - behind == pytest.approx(np.sum(gradient * direction), rel=1e-9)


def test_tiles_add_up(objective, image):
    objective.set_targets(image, [image], tile_size=None)
    losses, gradient = objective.evaluate(image)
    objective.set_targets(image, [image], tile_size=16)
    in_tiles, sum_of_gradients = objective.evaluate(image)
    assert in_tiles["temporal"] == pytest.approx(losses["temporal"], rel=1e-9)
    np.testing.assert_allclose(sum_of_gradients, gradient, rtol=1e-9)


def test_a_smaller_scale_has_the_same_moved_picture(objective, predecessor):
    found = Predecessor()
    found.set(np.full((*SIZE, 3), 50, np.float32), np.full(SIZE, 0.25, np.float32))
    warped, consistency = found.at(20, 24)
    assert (warped.shape, consistency.shape) == ((20, 24, 3), (20, 24))
    np.testing.assert_allclose(warped, 50, rtol=1e-5)
    np.testing.assert_allclose(consistency, 0.25, rtol=1e-5)
    image = np.full((20, 24, 3), 10, np.float32)
    np.testing.assert_allclose(found.start(image, 0), 50, rtol=1e-5)
    np.testing.assert_allclose(found.start(image, 1), 20, rtol=1e-5)


def test_nothing_comes_before_the_first_frame(tiny, image):
    found = Predecessor()
    settings = Settings(**FEW_LAYERS)
    image = image.astype(np.float32)
    with make_objective(tiny, settings, terms=[*make_terms(settings), Temporal(1e3, found)]) as objective:
        objective.set_targets(image, [image])
        losses, _ = objective.evaluate(image + 1)
        assert losses["temporal"] == 0
        assert losses["total"] > 0
    np.testing.assert_array_equal(found.start(image, 0), image)
