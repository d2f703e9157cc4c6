"""The schedule: sizes, iterations and costs of the scales, and the time that is left, all worked out by hand."""

import pytest

from brushwork import schedule
from brushwork.schedule import Pace, Scale, Schedule, grows_by_a_factor, make_schedule
from brushwork.settings import Settings

SMALL, LARGE = 40_000, 160_000  # px with EVALUATION_OVERHEAD: an evaluation at one scale takes a quarter of the other's
TWO = Schedule((Scale(10, 20, 4, 0, SMALL - 20_000), Scale(20, 40, 2, 4, LARGE - 20_000)))


def sizes(settings, height, width):
    return [scale.size for scale in make_schedule(settings, height, width).scales]


def counts(settings, height, width):
    return [scale.iterations for scale in make_schedule(settings, height, width).scales]


def test_sizes_and_iterations_of_scales():
    # A quarter, a half and the whole; a portrait stays a portrait.
    settings = Settings(iterations=9, scales=(3,))
    assert sizes(settings, 400, 300) == [(100, 75), (200, 150), (400, 300)]
    assert counts(settings, 400, 300) == [9, 5, 3]
    widths = Settings(scales=(60, 150), scale_iterations=(4, 0, 2))
    assert sizes(widths, 400, 300) == [(80, 60), (200, 150), (400, 300)]
    assert counts(widths, 400, 300) == [4, 0, 2]
    assert counts(Settings(scales=(60, 150), iterations=8, scale_factor=3), 400, 300) == [
        8,
        4,
        2,
    ]  # halved all the same
    assert sizes(Settings(scales=(13,)), 200, 100) == [(26, 13), (200, 100)]  # a width: more than 12 scales are none
    assert sizes(Settings(scales=(12,)), 1, 2)[0] == (1, 1)


def test_the_sizes_of_a_schedule():
    made = make_schedule(Settings(scales=(60, 150), iterations=7), 400, 300)
    assert made.sizes == ((80, 60), (200, 150), (400, 300))
    assert made.iterations == 7 + 4 + 2


def test_scales_by_any_factor():
    thirds = Settings(iterations=9, scales=(3,), scale_factor=3)
    assert sizes(thirds, 90, 180) == [(10, 20), (30, 60), (90, 180)]
    assert counts(thirds, 90, 180) == [9, 3, 1]
    # 200, 141, 100 px of the longer side; one more would be 71.
    roots = Settings(smallest_scale=100, scale_factor=2**0.5, iterations=8)
    assert sizes(roots, 200, 150) == [(100, 75), (141, 106), (200, 150)]
    assert counts(roots, 200, 150) == [8, 6, 4]
    assert sizes(roots, 150, 199) == [(106, 141), (150, 199)]
    assert sizes(roots, 60, 80) == [(60, 80)]  # a small picture has one scale, its own
    for side in (101, 256, 4000):
        assert min(max(size) for size in sizes(roots, side, side)) >= 100
        assert max(sizes(roots, side, side)[0]) < 100 * 2**0.5 + 1


def test_fewer_numbers_of_iterations_are_those_of_the_last_scales():
    settings = Settings(smallest_scale=100, scale_iterations=(7, 5, 3))
    assert counts(settings, 1600, 900) == [7, 7, 7, 5, 3]
    assert counts(settings, 150, 90) == [3]
    assert counts(Settings(scales=(4,), scale_iterations=(7, 5)), 9, 9) == [7, 7, 7, 5]


@pytest.mark.parametrize(
    ("settings", "grows"),
    [
        ({}, False),
        ({"scales": (2,)}, True),
        ({"scales": (60, 150)}, False),
        ({"scales": (13,)}, False),
        ({"smallest_scale": 100}, True),
    ],
)
def test_where_the_scale_factor_counts(settings, grows):
    assert grows_by_a_factor(Settings(**settings)) == grows


def test_iterations_are_counted_over_all_scales():
    made = make_schedule(Settings(scales=(3,), scale_iterations=(9, 0, 4)), 40, 60)
    assert [(scale.before, scale.last) for scale in made.scales] == [(0, 9), (9, 9), (9, 13)]
    assert made.iterations == 13


def test_the_cost_of_a_scale():
    made = make_schedule(Settings(scales=(2,), scale_iterations=(10, 3)), 40, 60)
    assert [scale.pixels for scale in made.scales] == [20 * 30, 40 * 60]
    assert [scale.evaluation_cost for scale in made.scales] == [20_600, 22_400]
    assert [scale.cost for scale in made.scales] == [206_000, 67_200]
    assert made.cost == 273_200


def test_tiles_overlap_and_pass_the_network_twice():
    settings = Settings(style_layers=("relu1_1",), content_layers=("relu1_1",), scales=(2,))  # margins of 16 px
    first, last = make_schedule(settings, 64, 128, (None, 64)).scales
    assert first.pixels == 32 * 64
    assert last.pixels == pytest.approx(4 / 3 * 2 * 64 * 80)  # two tiles of 64 x 80
    first, last = make_schedule(settings, 64, 128, (48, 128)).scales
    assert first.pixels == pytest.approx(4 / 3 * 2 * 32 * 48)  # two tiles of 32 x 48
    assert last.pixels == 64 * 128  # no larger than a tile
    deep = Settings(content_layers=("relu5_2",))  # margins of 96 px
    assert make_schedule(deep, 64, 256, (128,)).scales[0].pixels == pytest.approx(4 / 3 * 64 * 2 * (128 + 96))


def test_spans_along_a_side():
    # Cores of 64 and 36 px, as equal as the grid of 16 px allows, and 16 px around them where the side goes on.
    assert list(schedule.spans(100, 64, 16)) == [(0, 0, 64, 80), (48, 64, 100, 100)]
    assert list(schedule.spans(100, 64, 16, 16)) == [(-16, 0, 64, 80), (48, 64, 100, 116)]
    assert list(schedule.spans(100, 128, 16)) == [(0, 0, 100, 100)]
    assert [end - start for _, start, end, _ in schedule.spans(1100, 512, 16)] == [368, 368, 364]


def test_the_margin_of_no_layers_has_the_next_pixel():
    assert (schedule.margin(()), schedule.margin(("relu1_1", "relu5_1")), schedule.margin(("relu5_2",))) == (16, 80, 96)


def test_what_is_left_and_done():
    # 4 iterations of 40_000 px and 2 of 160_000: 160_000 and 320_000, 480_000 in all.
    assert [TWO.cost_left(iteration, 0) for iteration in range(5)] == [480_000, 440_000, 400_000, 360_000, 320_000]
    assert [TWO.cost_left(iteration, 1) for iteration in (4, 5, 6)] == [320_000, 160_000, 0]
    assert [TWO.share_done(*step) for step in ((0, 0), (3, 0), (5, 1), (6, 1))] == [0, 0.25, pytest.approx(2 / 3), 1]
    assert TWO.cost_left(9, 1) == 0  # a resumed run may be behind its end, if it has fewer iterations now


def test_the_share_of_a_scale_in_the_rest():
    scales = (Scale(1, 1, 4, 0, -19_850), Scale(1, 1, 6, 4, -19_800), Scale(1, 1, 0, 10, 0))  # 4 x 150, 6 x 200, 0
    assert [Schedule(scales).share_of_rest(scale) for scale in range(3)] == [600 / 1800, 1, 1]


def test_a_run_without_iterations_is_done():
    made = make_schedule(Settings(iterations=0), 40, 60)
    assert (made.iterations, made.share_done(0, 0), made.share_of_rest(0)) == (0, 1, 1)


def pace_of(*steps, run=TWO):
    """The Pace of a run that begins at 0 after steps (iteration, scale, time)."""
    pace = Pace(run, 0.0)
    for step in steps:
        pace.record(*step)
    return pace


def test_the_pace_is_unknown_until_an_iteration_was_timed():
    for pace in (pace_of(), pace_of((0, 0, 60.0)), pace_of((4, 0, 60.0), (5, 1, 70.0))):
        assert (pace.seconds_each, pace.seconds_left, pace.seconds_in_all, pace.timed) == (None, None, None, (0, 0))


def test_the_time_left():
    # Iterations of 1 s and 2 s, the mean of which is 1.5 s; each later one takes four times as long.
    pace = pace_of((0, 0, 60.0), (1, 0, 61.0), (2, 0, 63.0))
    assert pace.timed == (2, 3.0)
    assert pace.seconds_each == pytest.approx(1.5)
    assert pace.seconds_left == pytest.approx(2 * 1.5 + 2 * 6)
    assert pace.seconds_in_all == pytest.approx(4 * 1.5 + 2 * 6)


def test_the_first_step_of_a_scale_is_not_timed():
    begun = [(3, 0, 9.0), (4, 0, 10.0), (5, 1, 30.0)]
    pace = pace_of(*begun)
    assert pace.timed == (1, 1.0)
    assert (pace.seconds_each, pace.seconds_left) == (pytest.approx(4), pytest.approx(4))
    pace = pace_of(*begun, (6, 1, 35.0))  # 1 s for 40_000 px and 5 s for 160_000: 1.2 s for 40_000
    assert (pace.seconds_each, pace.seconds_left) == (pytest.approx(4.8), 0)


def test_a_resumed_run_counts_from_its_first_step():
    pace = pace_of((2, 0, 60.0), (3, 0, 61.0))
    assert pace.seconds_in_all == pytest.approx(2 * 1 + 2 * 4)


def test_the_last_thirty_iterations_count():
    run = make_schedule(Settings(iterations=100), 40, 60)
    times = [(0, 0, 0.0), (1, 0, 500.0), *((2 + index, 0, 502.0 + 2 * index) for index in range(30))]
    assert pace_of(*times[:-1], run=run).seconds_each == pytest.approx((500 + 29 * 2) / 30)
    assert pace_of(*times, run=run).seconds_each == pytest.approx(2)
    assert pace_of(*times, run=run).seconds_left == pytest.approx(69 * 2)


def test_the_next_step_is_expected_to_take_as_long_as_the_longest_of_five():
    run = make_schedule(Settings(iterations=100), 40, 60)
    steps = [(0, 0, 9.0), (1, 0, 10.0), (2, 0, 14.0), (3, 0, 15.0), (4, 0, 16.0)]  # 9, 1, 4, 1 and 1 s
    assert pace_of(*steps, run=run).longest_step(0) == 9
    assert pace_of(*steps, (5, 0, 17.0), run=run).longest_step(0) == 4


def test_the_first_step_of_the_next_scale_is_expected_to_take_three_times_its_cost():
    pace = pace_of((3, 0, 9.0), (4, 0, 11.0))
    assert pace.longest_step(1) == 9 * 3 * 4
    pace.record(5, 1, 16.0)
    assert pace.longest_step(1) == 5  # steps of the scale before are forgotten
