"""Facts: what a worker says of itself, and why one cannot be used."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import brushwork
from brushwork.engine import limits

OF_PROCESSORS = "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"  # the instructions that change kernels
OF_KERNELS = "TF_ENABLE_ONEDNN_OPTS", "TF_CPU_ALLOCATOR_USE_BFC", "TF_OVERRIDE_GLOBAL_THREADPOOL"  # environment


@dataclass(frozen=True)
class Facts:
    """A process, as far as its numbers and its speed depend on it."""

    version: str
    program: str  # digest of its source
    tensorflow: str  # version
    environment: Mapping[str, str | None]  # of OF_KERNELS
    processor: tuple[str, ...]  # those of OF_PROCESSORS that it has
    host: str
    cores: tuple[int, ...]
    memory: float  # bytes that it may use in all


def here() -> Facts:
    """The Facts of this process. TensorFlow is not imported."""
    try:
        tensorflow = metadata.version("tensorflow")
    except metadata.PackageNotFoundError:
        tensorflow = "none"
    environment = {name: os.environ.get(name) for name in OF_KERNELS}
    about = brushwork.VERSION, program_digest(), tensorflow, environment, _processor()
    return Facts(*about, f"{platform.node()} {_boot()}", _cores(), limits.available())


def adopt(environment: Mapping[str, str | None]) -> None:
    """Set the environment variables that TensorFlow reads when it is imported, unless it has been."""
    if "tensorflow" in sys.modules:
        return
    for name, value in environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def objection(worker: Facts, own: Facts, precision: str | None = None) -> str | None:
    """Why a worker would compute other numbers than this process; None if it would not, or hardly.

    precision: of the network, once it is known.
    """
    if worker.version != own.version:
        return f"it has version {worker.version} of this program, not {own.version}"
    if worker.program != own.program:
        return "its copy of this program is not the same as here, though of the same version"
    if worker.tensorflow != own.tensorflow:
        return f"it has TensorFlow {worker.tensorflow}, not {own.tensorflow}"
    for name, value in own.environment.items():
        if worker.environment[name] != value:
            return f"{name} is {worker.environment[name]} there and {value} here; start it again"
    if precision == "bfloat16" and ("amx_bf16" in worker.processor) != ("amx_bf16" in own.processor):
        return "only one of its processor and this one has bfloat16 units; --precision float32 can use both"
    return None


def threads_of(workers: Sequence[Facts]) -> int:
    """The threads of an operation for these workers: an equal share of each host's cores, and the least of them."""
    hosts: dict[str, list[Facts]] = {}
    for each in workers:
        hosts.setdefault(each.host, []).append(each)
    shares = [len({core for one in found for core in one.cores}) // len(found) for found in hosts.values()]
    return max(1, min(shares, default=len(_cores())))


@functools.cache
def program_digest() -> str:
    """A digest of the source of this program."""
    root = Path(brushwork.__file__).resolve().parents[1]
    paths = [root / "stylize.py", root / "vgg.py", *sorted((root / "brushwork").rglob("*.py"))]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _cores():
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def _boot():
    """What tells apart two machines of the same name, on Linux."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _processor():
    with suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        words = set(text.partition("flags")[2].partition("\n")[0].split())
        return tuple(name for name in OF_PROCESSORS if name in words)
    return (platform.machine(),)
