"""Linear optimal transport: by hand, its result, and what makes it the map that moves points least."""

import numpy as np
import pytest

from brushwork.transport import Normal, normal, transport_map

NONE = {"floor": 1e-12, "wanted_floor": 0.0}


def test_the_normal_of_two_points_by_hand():
    found = normal(np.array([1.0, 2.0]), np.array([[2.0, 3.0], [3.0, 5.0]]))  # of (0, 1) and (2, 3)
    np.testing.assert_array_equal(found.covariance, [[1, 1], [1, 1]])


def test_separate_channels_are_stretched_by_hand():
    own, wanted = Normal(np.zeros(2), np.diag([4.0, 9.0])), Normal(np.ones(2), np.diag([1.0, 81.0]))
    np.testing.assert_allclose(transport_map(own, wanted, **NONE), np.diag([0.5, 3.0]), rtol=1e-9)


def test_the_result_has_the_wanted_covariance_and_the_map_is_symmetric_and_positive(random):
    own, wanted = (Normal(np.zeros(5), np.cov(random.normal(size=(5, 40)))) for _ in range(2))
    linear = transport_map(own, wanted, **NONE)
    np.testing.assert_allclose(linear.T @ own.covariance @ linear, wanted.covariance, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(linear, linear.T, rtol=1e-6, atol=1e-9)
    assert np.linalg.eigvalsh(linear).min() > 0


@pytest.mark.parametrize(("floor", "wanted_floor", "stretch"), [(0.25, 0.0, 2.0), (0.25, 3.0, 4.0)])
def test_floors_are_added_to_variances_by_hand(floor, wanted_floor, stretch):
    own, wanted = Normal(np.zeros(1), np.zeros((1, 1))), Normal(np.zeros(1), np.ones((1, 1)))
    assert transport_map(own, wanted, floor, wanted_floor) == pytest.approx(stretch)
