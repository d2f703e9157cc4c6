"""Signals at random moments lose nothing."""

import pytest

from tools import signals


@pytest.mark.parametrize("count", [4, pytest.param(40, marks=pytest.mark.exhaustive)])
def test_signals_at_random_moments(server, tmp_path, count):
    problems, _ = signals.send_signals(server, tmp_path, count, seed=count)
    assert problems == []
