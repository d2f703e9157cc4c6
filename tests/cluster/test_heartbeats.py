"""Heartbeats: when a worker counts as silent."""

from brushwork.cluster.heartbeats import MANY, SILENCE, Heartbeats


def looked(heartbeats, count, **last):
    for _ in range(count):
        heartbeats.look(last)
    return heartbeats


def test_a_worker_is_silent_after_so_many_looks_without_a_new_heartbeat():
    heartbeats = looked(Heartbeats(), 1, a=5.0, b=1.0)
    for number in range(1, SILENCE + 1):
        assert not heartbeats.is_silent("a")
        heartbeats.look({"a": 5.0, "b": 1.0 + number})
    looked(heartbeats, 1, a=5.0, b=99.0)
    assert heartbeats.is_silent("a")
    assert not heartbeats.is_silent("b")


def test_a_heartbeat_ends_the_silence():
    heartbeats = looked(Heartbeats(), 2 * SILENCE, a=5.0)
    assert heartbeats.is_silent("a")
    assert not looked(heartbeats, SILENCE, a=6.0).is_silent("a")


def test_another_sign_of_life_ends_the_silence():
    heartbeats = looked(Heartbeats(), 2 * SILENCE, a=5.0)
    heartbeats.heard("a")
    assert not looked(heartbeats, SILENCE - 1, a=5.0).is_silent("a")
    assert looked(heartbeats, 1, a=5.0).is_silent("a")


def test_workers_that_are_new_or_gone_are_not_silent():
    heartbeats = looked(Heartbeats(), 2 * SILENCE, a=5.0)
    assert not heartbeats.is_silent("b")
    assert not looked(heartbeats, 1, b=1.0).is_silent("a")


def test_many_workers_are_given_more_time():
    """With 5000 of them, Dask asks for a heartbeat every 26 s."""
    many = {str(number): 1.0 for number in range(5000)}
    assert not looked(Heartbeats(), SILENCE + 5000 // MANY, **many).is_silent("7")
    assert looked(Heartbeats(), SILENCE + 5000 // MANY + 2, **many).is_silent("7")
