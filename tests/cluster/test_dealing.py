"""Dealing tiles: by hand."""

import pytest

from brushwork.cluster import dealing


def test_equal_tiles_go_round():
    assert dealing.deal([1, 1, 1, 1], {"a": 1, "b": 1}, {}) == {0: "a", 1: "b", 2: "a", 3: "b"}


def test_a_worker_twice_as_fast_has_twice_as_many():
    dealt = dealing.deal([1] * 6, {"a": 2, "b": 1}, {})
    assert sorted(dealt.values()) == ["a", "a", "a", "a", "b", "b"]


def test_a_worker_that_would_only_delay_the_others_has_none():
    assert set(dealing.deal([1, 1, 1], {"a": 1, "b": 0.1}, {}).values()) == {"a"}


def test_the_largest_tiles_are_dealt_first():
    assert dealing.deal([1, 1, 2, 4], {"a": 1, "b": 1}, {}) == {0: "b", 1: "b", 2: "b", 3: "a"}


def test_memory_limits_the_number_of_tiles():
    assert list(dealing.deal([1] * 5, {"a": 1, "b": 1}, {"a": 1, "b": 9}).values()).count("a") == 1


def test_without_memory_for_all_it_is_dealt_by_speed():
    assert list(dealing.deal([1] * 4, {"a": 1, "b": 1}, {"a": 1, "b": 1}).values()).count("a") == 2


def test_tiles_of_a_lost_worker_go_to_the_others_and_no_other_tile_moves():
    before = {0: "a", 1: "b", 2: "c", 3: "a", 4: "b", 5: "c"}
    dealt = dealing.deal([1] * 6, {"a": 1, "b": 1}, {}, before)
    assert {tile: dealt[tile] for tile in (0, 1, 3, 4)} == {0: "a", 1: "b", 3: "a", 4: "b"}
    assert {dealt[2], dealt[5]} == {"a", "b"}


def test_tiles_stay_where_they_are_unless_moving_them_pays():
    before = dict.fromkeys(range(4), "a")
    assert dealing.deal([1] * 4, {"a": 1, "b": 1}, {}, before) != before
    stays = {0: "a", 1: "a", 2: "a", 3: "b", 4: "b", 5: "b", 6: "b"}
    assert dealing.deal([1] * 7, {"a": 1.1, "b": 1}, {}, stays) == stays


def test_speeds_are_measured_and_new_workers_are_taken_for_usual_ones():
    speeds = dealing.Speeds()
    assert speeds.of(["a", "b"]) == {"a": 1, "b": 1}
    speeds.record("a", 100, 2)
    speeds.record("b", 100, 1)
    assert speeds.of(["a", "b", "c"]) == {"a": 50, "b": 100, "c": 75}
    speeds.record("a", 100, 1)
    assert speeds.of(["a"]) == {"a": pytest.approx(65)}


@pytest.mark.parametrize(("workers", "expected"), [(1, None), (2, 512), (4, 256)])
def test_tiles_are_as_small_as_the_workers_need(workers, expected):
    chosen = dealing.best_tile_size((512, 1024), [None, 512, 256, 128], workers=workers, margin=16)
    assert chosen == expected


def test_a_small_picture_is_not_spread():
    assert dealing.best_tile_size((64, 90), [None, 512, 256, 128], workers=4, margin=80) is None
