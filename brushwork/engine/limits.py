"""What the system lets this process use: its memory, that of its containers, and the limits of a shell (ulimit)."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from brushwork.errors import DoesNotFit

PROCESS = 720e6  # bytes of the program with TensorFlow and its graph, without the network
# Address space that is not memory: libraries, and what each thread reserves for its stack and its allocator. Measured:
# 1.35 to 1.8 GB on two cores.
RESERVED, RESERVED_BY_CORE = 1.65e9, 72e6
CGROUP, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")  # of Linux
CGROUP_FILES = {1: ("limit_in_bytes", "usage_in_bytes", "total_"), 2: ("max", "current", "")}  # by version


def available() -> float:
    """Bytes that this process may use in all: those it has, and those that the machine and all limits have left."""
    return min(_limits())[0]


def reason() -> str:
    """What limits the memory, as the end of a sentence: "are free" or what leaves so little."""
    return min(_limits())[1]


def check_address_space() -> None:
    """Raise DoesNotFit if TensorFlow cannot be loaded within the limits of a shell; it would crash."""
    for left, why in _shell_limits():
        if left < PROCESS:
            have = f"{max(0, left) / 1e9:.1f} GB {why}"
            raise DoesNotFit(f"TensorFlow takes {PROCESS / 1e9:.1f} GB of memory and {have}; raise that limit")


def _limits() -> Iterator[tuple[float, str]]:
    """(bytes that the process may use in all, what the limit is) of each limit."""
    own = psutil.Process().memory_info().rss
    yield psutil.virtual_memory().available + own, "are free"
    for left in _cgroups():
        yield left + own, "are left in the container (its cgroup)"
    yield from _shell_limits()


def _shell_limits():
    """As `_limits`, of the address space and of the data segment, without what is reserved and never used."""
    try:
        import resource
    except ImportError:  # Windows
        return
    reserved = RESERVED + RESERVED_BY_CORE * (os.cpu_count() or 1)
    for name, flag, overhead in (("RLIMIT_AS", "-v", reserved), ("RLIMIT_DATA", "-d", 0.1 * PROCESS)):
        limit = resource.getrlimit(getattr(resource, name))[0]
        if limit != resource.RLIM_INFINITY:
            yield limit - overhead, f"of {limit / 1e9:.1f} are left by ulimit {flag}"


def _cgroups():
    """Yield the bytes that each memory group of this process has left, and the groups in which those are nested."""
    with suppress(OSError):
        for line in OWN_GROUPS.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                yield from _left_in(CGROUP, path, 2)
                yield from _left_in(CGROUP / "unified", path, 2)
            elif "memory" in controllers.split(","):
                yield from _left_in(CGROUP / "memory", path, 1)


def _left_in(top, path, version):
    """Yield the bytes left in a group and in those around it. In a container, the path may be that of its host."""
    limit, usage, prefix = CGROUP_FILES[version]
    group = Path(path.lstrip("/"))
    for directory in (top / group, *(top / each for each in group.parents)):
        with suppress(OSError, ValueError, TypeError):  # there is no such group, or its limit is "max"
            files = (f"memory.{name}" for name in (limit, usage, "stat"))
            most, used, statistics = ((directory / name).read_text() for name in files)
            cache = int(re.search(rf"\b{prefix}inactive_file (\d+)", statistics)[1])  # given back on demand
            yield int(most) - int(used) + cache
