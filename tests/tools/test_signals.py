"""Signals at random moments lose nothing."""

import pytest

from tools import signals


@pytest.mark.exhaustive
def test_signals_at_random_moments(server, tmp_path):
    problems, resumed = signals.send_signals(server, tmp_path, 40, seed=1)
    assert problems == []
    assert resumed
