"""The line search, with given totals and slopes: which trials it makes and which one it returns."""

import numpy as np
import pytest

from brushwork.optimizers.line_search import line_search


def searched(function, total=1000.0, slope=-100.0):
    """(the Point found, the positions tried) on a line of one pixel; function(position) -> (total, slope)."""
    positions = []

    def evaluate(image):
        positions.append(float(image[0]))
        total, slope = function(positions[-1])
        return {"total": total}, np.array([slope])

    return line_search(evaluate, np.zeros(1), total, np.array([slope]), np.ones(1)), positions


@pytest.mark.parametrize(("total", "accepted"), [(999.9895, True), (999.9905, False)])
def test_the_sufficient_decrease_is_a_ten_thousandth_of_the_slopes(total, accepted):
    point, positions = searched(lambda position: (total, 0.0) if position == 1 else (0.0, 0.0))
    assert (positions == [1], point.total == total) == (accepted, accepted)


@pytest.mark.parametrize(("total", "accepted"), [(999.9575, True), (999.9625, False)])
def test_the_sufficient_decrease_grows_with_the_position(total, accepted):
    trials = {1: (999.98, -100.0), 4: (total, 0.0)}  # 4 * 100 / 10000 below the start is 999.96
    point, positions = searched(lambda position: trials.get(position, (0.0, 0.0)))
    assert positions[:2] == [1, 4]
    assert (len(positions) == 2, point.total == total) == (accepted, accepted)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("slope", "accepted"), [(89.9, True), (90.1, False)])
def test_the_slope_must_fall_to_nine_tenths(slope, sign, accepted):
    point, positions = searched(lambda position: (900.0, sign * slope) if position == 1 else (0.0, 0.0))
    assert (positions == [1], point.position == 1) == (accepted, accepted)


def test_a_slope_that_does_not_fall_quadruples_the_step():
    point, positions = searched(lambda position: (1000 - 100 * position, -100.0 if position < 64 else -90.0))
    assert positions == [1, 4, 16, 64]
    assert (point.position, point.total, point.slope) == (64, -5400, -90)
    assert point.losses == {"total": -5400}
    assert (point.image.tolist(), point.gradient.tolist()) == ([64], [-90])


def test_the_minimum_of_a_cubic_is_found_at_once():
    # p^3 + 0.9 p^2 - 1.2 p has its minimum at 0.4 and is above 0 at 1.
    point, positions = searched(lambda p: (p**3 + 0.9 * p**2 - 1.2 * p, 3 * p**2 + 1.8 * p - 1.2), 0.0, -1.2)
    assert positions == [1, pytest.approx(0.4, rel=1e-12)]
    assert point.position == positions[-1]


def test_a_minimum_behind_the_best_point_is_found():
    # (p - 2)^2 - 4, with a slope too steep to accept at 4 but lower than at 1: the minimum lies back between them.
    slopes = {1: (-3.0, -3.9), 4: (-3.5, 4.0)}
    point, positions = searched(lambda p: slopes.get(p, ((p - 2) ** 2 - 4, 2 * (p - 2))), 0.0, -4.0)
    assert positions[:2] == [1, 4]
    assert 1 < positions[2] < 4
    assert point.position == positions[2]


def test_a_trial_above_the_best_point_bounds_the_interval():
    # At 4 the decrease would be sufficient, but the total is lower at 1.
    trials = {1: (900.0, -100.0), 4: (950.0, 0.0)}
    point, positions = searched(lambda position: trials.get(position, (0.0, 0.0)))
    assert positions[:2] == [1, 4]
    assert 1 < point.position < 4


def test_the_interval_keeps_the_end_that_the_slope_points_to():
    # 4 is lower than 1 and rises. The trial between them is lower still and rises: next, between 1 and that one.
    trials = iter([(900.0, -100.0), (800.0, 100.0), (700.0, 95.0), (0.0, 0.0)])
    _, positions = searched(lambda position: next(trials))
    assert positions[:2] == [1, 4]
    assert 1 < positions[3] < positions[2] < 4


def test_trials_stay_a_tenth_of_the_interval_away_from_the_best_point():
    # Quadratics with minima at 1/100 and 1/1000 are their own cubics: trials shrink to a tenth, then reach it.
    _, positions = searched(lambda p: ((p - 0.01) ** 2, 2 * (p - 0.01)), 1e-4, -0.02)
    assert positions == pytest.approx([1, 0.1, 0.01], rel=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_total_that_is_not_finite_halves_the_step(bad):
    point, positions = searched(lambda position: (bad, bad) if position > 0.2 else (900.0, 0.0))
    assert positions == [1, 0.5, 0.25, 0.125]
    assert point.position == 0.125


@pytest.mark.parametrize("slope", [0.0, 1.0, np.nan])
def test_a_direction_that_does_not_descend_is_not_tried(slope):
    assert searched(lambda position: (0.0, 0.0), slope=slope) == (None, [])


def test_it_gives_up_after_twenty_trials():
    point, positions = searched(lambda position: (1001.0, -100.0))
    assert (point, len(positions)) == (None, 20)


def test_a_point_that_does_not_lower_the_total_is_not_returned():
    """Of a total with noise: what is long enough raises it, and what is short leaves it as it is, by rounding."""
    point, positions = searched(lambda position: (1001.0, 1e-3) if position > 0.2 else (1000.0, 0.0), slope=-1e-3)
    assert (point, len(positions)) == (None, 20)


def test_a_trial_that_is_the_start_by_rounding_is_the_last_one():
    point, positions = searched(lambda position: (1001.0, 1e-3) if position > 0.2 else (1000.0, -1e-3), slope=-1e-3)
    assert point is None
    assert [position > 0.2 for position in positions] == [True] * (len(positions) - 1) + [False]


def test_the_best_point_is_returned_if_none_satisfies_the_conditions():
    trials = {1: (900.0, -100.0), 4: (890.0, -100.0)}
    point, positions = searched(lambda position: trials.get(position, (2000.0, 100.0)))
    assert (point.position, point.total, len(positions)) == (4, 890, 20)


def test_in_a_box_clipped_pixels_do_not_count():
    # Two pixels, one 5 from the bound: it stops there, and its slope of -1000 does not count beyond.
    image, direction, images = np.array([250.0, 100.0]), np.array([10.0, 1.0]), []

    def evaluate(trial):
        images.append(trial.tolist())
        return {"total": 0.0}, np.array([-1000.0, -1.0])

    point = line_search(evaluate, image, 1e5, np.array([-1000.0, -1.0]), direction, box=(0.0, 255.0))
    assert images == [[255, 101]]
    assert (point.slope, point.image.tolist()) == (-1, [255, 101])
    np.testing.assert_array_equal(image, [250, 100])
    np.testing.assert_array_equal(direction, [10, 1])
