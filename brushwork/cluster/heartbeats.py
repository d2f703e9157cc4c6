"""Heartbeats: which workers have fallen silent.

Dask's workers send the scheduler a heartbeat every half second, from another thread than the one that computes: a busy
worker goes on sending, and a stopped or unreachable one does not. Silence is counted in looks at the scheduler, not in
seconds, so that a driver that has slept itself does not take its workers for lost.
"""

from __future__ import annotations

from collections.abc import Mapping

SILENCE = 20  # looks without a heartbeat, which are a second or more apart
MANY = 50  # so many workers make it one look more, as Dask lets many workers send heartbeats more seldom


class Heartbeats:
    """The heartbeats of workers, as the scheduler has received them."""

    def __init__(self):
        self._last: dict[str, float] = {}
        self._looks: dict[str, int] = {}  # since the last one was new

    def look(self, last: Mapping[str, float]) -> None:
        """Take note of the time of each worker's last heartbeat, by address."""
        self._looks = {each: self._looks.get(each, 0) + 1 if self._last.get(each) == last[each] else 0 for each in last}
        self._last = dict(last)

    def heard(self, address: str) -> None:
        """Take note of another sign of life."""
        self._looks[address] = 0

    def is_silent(self, address: str) -> bool:
        """Whether a worker has sent nothing for so long that it is not to be waited for."""
        return self._looks.get(address, 0) >= SILENCE + len(self._last) // MANY
