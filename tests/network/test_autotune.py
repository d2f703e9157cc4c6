"""Trials of two ways to compute the same."""

import itertools

import pytest
import tensorflow.compat.v1 as tf

from brushwork.network import autotune

SHAPE = 1, 4, 4, 2


@pytest.mark.parametrize(
    ("other", "usual", "expected"),
    [(1, 2, True), (2, 1, False), (1, 1.1, False), (1.1, 1, False)],
    ids=str,
)
def test_only_what_is_clearly_faster_is(monkeypatch, other, usual, expected):
    durations = itertools.chain([90, 1], itertools.cycle([other, usual, 30 * other, 30 * usual]))
    monkeypatch.setattr(autotune, "_seconds", lambda session, run: next(durations))
    assert autotune.is_faster(tf.square, tf.abs, SHAPE) is expected


def test_what_is_timed_is_run(monkeypatch):
    def slow(features):
        for _ in range(40):
            features = tf.sin(features)
        return features

    assert autotune.is_faster(tf.sin, slow, (1, 64, 64, 16))
    assert not autotune.is_faster(slow, tf.sin, (1, 64, 64, 16))


def test_a_graphics_card_computes_in_the_usual_way(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["card"] if kind == "GPU" else [])
    assert not autotune.is_faster(None, None, SHAPE)
