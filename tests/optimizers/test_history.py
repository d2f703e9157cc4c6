"""The history of L-BFGS, against the two-loop recursion of the textbook."""

import numpy as np
import pytest

from brushwork.optimizers import lbfgs
from brushwork.optimizers.lbfgs import History

SHAPE = (2, 4, 3)
CURVATURE = np.linspace(1, 30, 24).reshape(SHAPE)


def two_loops(known, gradient):
    """Minus the inverse Hessian of pairs (s, y) times the gradient: Nocedal and Wright 2006, algorithm 7.4."""
    step, weights = -gradient, []
    for s, y in reversed(known):
        weights.append(np.vdot(s, step) / np.vdot(s, y))
        step = step - weights[-1] * y
    s, y = known[-1]
    step = step * np.vdot(s, y) / np.vdot(y, y)
    for (s, y), weight in zip(known, reversed(weights), strict=True):
        step = step + (weight - np.vdot(y, step) / np.vdot(s, y)) * s
    return step


def append(history, random, length=0.5, curvature=CURVATURE):
    """Append a random step to a history; returns (s, y) and the gradients before and after it."""
    direction, before = random.normal(0, 1, (2, *SHAPE))
    after = before + curvature * length * direction
    history.append(direction, length, before, after)
    return (length * direction, after - before), before, after


@pytest.mark.parametrize("chunk", [5, 24, 16384])
def test_it_holds_the_last_pairs(random, monkeypatch, chunk):
    monkeypatch.setattr(lbfgs, "CHUNK", chunk)
    history, known = History(3, SHAPE, np.float64), []
    for _ in range(7):
        pair, *gradients = append(history, random)
        known = [*known, pair][-3:]
        for gradient in (*gradients, random.normal(0, 1, SHAPE)):
            np.testing.assert_allclose(history.newton_step(gradient), two_loops(known, gradient), rtol=1e-9)
        assert len(history) == len(known)


def test_it_does_not_store_steps_without_positive_curvature(random):
    history, known, gradient = History(3, SHAPE, np.float64), [], random.normal(0, 1, SHAPE)
    # A rejected pair overwrites the oldest of three, and the next one takes its place.
    for curvature, left in ((-1, 0), (0, 0), (1, 1), (2, 2), (-1, 2), (3, 3), (-1, 2), (4, 3), (5, 3), (-1, 2)):
        pair, *_ = append(history, random, curvature=curvature * CURVATURE)
        known = [*known, pair] if curvature > 0 else known
        known = known[-left:] if left else []
        assert len(history) == left
        copy = History(3, SHAPE, np.float64)
        copy.restore(history.snapshot())  # sometimes with an unused row
        if left:
            for each in (history, copy):
                np.testing.assert_allclose(each.newton_step(gradient), two_loops(known, gradient), rtol=1e-9)


def test_one_pair_by_hand():
    # With s = 2 and y = 6 the inverse Hessian is 1 / 3 along the pair.
    history = History(2, (1, 1, 1), np.float64)
    history.append(np.array([[[4.0]]]), 0.5, np.array([[[1.0]]]), np.array([[[7.0]]]))
    np.testing.assert_allclose(history.newton_step(np.array([[[12.0]]])), [[[-4.0]]], rtol=1e-12)
    snapshot = history.snapshot()
    assert {name: array.ravel().tolist() for name, array in snapshot.items()} == {
        "pairs": [2, 6], "products": [12, 36], "order": [0]
    }  # fmt: skip


def test_it_resumes_from_a_snapshot(random):
    first = History(3, SHAPE, np.float64)
    known = [append(first, random)[0] for _ in range(4)]  # the oldest row is not the first one
    second = History(3, SHAPE, np.float64)
    _, _, gradient = append(second, random)  # dropped by `restore`
    second.restore({name: array.copy() for name, array in first.snapshot().items()})
    np.testing.assert_allclose(second.newton_step(gradient), two_loops(known[-3:], gradient), rtol=1e-9)
    for _ in range(3):
        known.append(append(second, random)[0])
        np.testing.assert_allclose(second.newton_step(gradient), two_loops(known[-3:], gradient), rtol=1e-9)


def test_a_snapshot_has_no_more_rows_than_are_used(random):
    history = History(5, SHAPE, np.float64)
    assert [array.shape for array in history.snapshot().values()] == [(2, 0, 24), (2, 0, 0), (0,)]
    known = [append(history, random)[0] for _ in range(2)]
    snapshot = history.snapshot()
    assert snapshot["order"].tolist() == [0, 1]
    expected = np.array(known).swapaxes(0, 1).reshape(2, 2, 24)
    np.testing.assert_allclose(snapshot["pairs"], expected, rtol=1e-12)
    s, y = expected
    np.testing.assert_allclose(np.triu(snapshot["products"][0]), np.triu(s @ y.T), rtol=1e-9)
    np.testing.assert_allclose(snapshot["products"][1], y @ y.T, rtol=1e-9)


def test_a_cleared_history_has_new_pairs_only(random):
    history, gradient = History(3, SHAPE, np.float64), random.normal(0, 1, SHAPE)
    for _ in range(2):
        append(history, random)
    history.clear()
    assert len(history) == 0
    pair, *_ = append(history, random)
    np.testing.assert_allclose(history.newton_step(gradient), two_loops([pair], gradient), rtol=1e-9)
