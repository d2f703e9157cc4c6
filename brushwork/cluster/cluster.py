"""The cluster: a connection to a Dask scheduler, or a scheduler in this process, and the workers that a run uses."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import dask
import numpy as np
from distributed import Client, LocalCluster, Security

from brushwork.cluster import dealing, facts, trust
from brushwork.cluster.address import Address, Listen, Local, Running, is_loopback, url
from brushwork.cluster.members import Members
from brushwork.engine.limits import PROCESS
from brushwork.errors import Interrupted, UserError
from brushwork.messages import logger

if TYPE_CHECKING:  # TensorFlow is imported later
    from brushwork.cluster.tile_map import TileMap
    from brushwork.engine.memory import Workload
    from brushwork.engine.tile_graph import TileGraph
    from brushwork.engine.tiles import TiledPicture
    from brushwork.run.jobs import Job

CONNECT = 15  # s until a scheduler that does not answer is given up
GATHERING = 60.0  # s to wait for the first worker
SETTLING = 2.0  # s without a further worker, until the run begins
# No pages about processes in the network, and no memory limit: Dask pauses or kills workers near it, again and again.
# A local worker that has ended is started again, which on a busy machine takes longer than the 15 s that Dask allows.
CONFIGURATION = {
    "distributed.deploy.lost-worker-timeout": "10 minutes",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.preload": ["brushwork.cluster.preload"],
    "distributed.admin.log-format": "%(message)s",
    "logging.distributed": "critical",
}


class Cluster:
    """The workers of a run: the function that maps work over tiles. A context manager."""

    def __init__(
        self,
        address: Address,
        security: Security | None = None,
        *,
        waits: bool = False,
    ):
        """security: the certificates; None: those of Dask's configuration. waits: whether to wait for a worker when
        there is none, and not go on alone.
        """
        self._address, self._security = address, security or trust.security(address, None)
        self.waits = waits
        self.stopped: Callable[[], bool] = lambda: False  # whether to stop waiting for the first workers
        self._stack, self._tile_map = ExitStack(), None
        self.threads, self._peak = 0, 2 * PROCESS  # bytes that a worker takes beside what it holds of its tiles

    def __enter__(self) -> Cluster:
        """Raises UserError if there is no scheduler at the address, and Interrupted if it is `stopped`."""
        os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")  # each session has threads of its own
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        with ExitStack() as stack:
            stack.enter_context(dask.config.set(CONFIGURATION))
            self.client = stack.enter_context(self._connected(stack))
            self.members = stack.enter_context(Members(self.client))
            self._gather()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def tile_sizes(self, workload: Workload, here: Sequence[int | None]) -> list[int | None]:
        """The tile size of each scale: the one with the shortest evaluation that fits here and into the workers.

        here: the tile sizes that this process would take alone.
        """
        from brushwork.engine import memory
        from brushwork.engine.tile_graph import PADDING
        from brushwork.schedule import make_schedule, margin

        settings, members = workload.settings, self.members.all()
        least = min((memory.SHARE * each.about.memory for each in members), default=0)
        if settings.tile_size != "auto" or not members:
            return list(here)
        found, around = [], PADDING if settings.padding == "replicate" else 0
        for (height, width), alone in zip(make_schedule(settings, *workload.size).sizes, here, strict=True):
            own = workload.scaled(width / workload.size[1])
            sizes = [each for each in memory.TILE_SIZES if alone is None or each <= alone]
            fitting = [each for each in sizes if memory.of_tile(own, each) <= least] or sizes[-1:]
            allowed = [alone, *fitting] if alone is None else fitting
            chosen = {"workers": len(members), "margin": margin(settings.layers), "padding": around}
            found.append(dealing.best_tile_size((height, width), allowed, **chosen))
        self._peak = max(memory.of_tile(workload, each or memory.TILE_SIZES[0]) for each in found)
        return found

    def map_tiles(
        self, graph: TileGraph, outputs: Any, picture: TiledPicture, sum_gradients: Mapping[str, np.ndarray]
    ) -> Iterable:
        """A TileMap; see brushwork/engine/evaluator.py."""
        if self._tile_map is None:
            self._tile_map = self._make_tile_map()
        return self._tile_map(graph, outputs, picture, sum_gradients)

    def paint(self, batch: Sequence[Job], options: argparse.Namespace, alone: Callable[[Sequence[Job]], int]) -> int:
        """Make the pictures of a batch, a whole one on each worker; see pictures.paint."""
        from brushwork.cluster import pictures

        given = {"waits": self.waits, "stopped": self.stopped, "alone": alone}
        return pictures.paint(batch, options, self.client, self.members, **given)

    def _make_tile_map(self) -> TileMap:
        from brushwork.cluster.tile_map import TileMap  # here, as it imports TensorFlow

        return TileMap(self.members, waits=self.waits, peak=self._peak)

    def _connected(self, stack):
        """The client of the scheduler."""
        address = self._address
        if isinstance(address, Running):
            protocol = address.protocol or trust.protocol(self._security)
            where = url(address.host, address.port, protocol)
            try:  # Dask would try again and again
                socket.create_connection((address.host, address.port), CONNECT).close()
            except OSError as error:
                raise UserError(f"cannot reach the scheduler at {where}: {_cause(error)}") from None
            return self._client(where)
        host, port = ("127.0.0.1", 0) if isinstance(address, Local) else (address.host, address.port)
        protocol = trust.protocol(self._security)
        started = {"n_workers": address.workers if isinstance(address, Local) else 0, "memory_limit": 0}
        started |= {"host": host, "scheduler_port": port, "protocol": f"{protocol}://", "security": self._security}
        started |= {"dashboard_address": "127.0.0.1:0", "silence_logs": logging.CRITICAL, "threads_per_worker": 1}
        started |= {"env": {"DASK_LOGGING__DISTRIBUTED": "critical"}}
        try:
            cluster = stack.enter_context(LocalCluster(**started))
        except (OSError, RuntimeError) as error:
            raise UserError(f"cannot listen at {host}:{port}: {_cause(error)}") from None
        return self._client(cluster.scheduler_address)

    def _client(self, address):
        try:
            options = {"security": self._security, "timeout": CONNECT, "direct_to_workers": True}
            return Client(address, **options)
        except (OSError, TypeError, ValueError) as error:
            raise UserError(f"cannot reach the scheduler at {address}: {_cause(error)}") from None

    def _gather(self):
        """Wait for the workers that are there, or for the first ones; decide the number of threads."""
        self._announce()
        expected, pause = (self._address.workers, 0.0) if isinstance(self._address, Local) else (1, SETTLING)
        begun = changed = time.monotonic()
        count = 0
        while count < expected or not self.members.is_settled or time.monotonic() < changed + pause:
            if self.stopped():
                raise Interrupted
            if len(self.members.all()) != count:
                count, changed = len(self.members.all()), time.monotonic()
            if time.monotonic() > begun + GATHERING and (count or not self.waits):
                break
            time.sleep(0.02)
        self.threads = facts.threads_of([each.about for each in self.members.all()])
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        workers = "1 worker" if count == 1 else f"{count} workers"
        logger.info(f"the cluster has {workers}; each computes on {threads}")

    def _announce(self):
        if isinstance(self._address, Listen):
            where = self.client.scheduler.address.partition("://")[2]
            tls = " --cluster-tls DIRECTORY" if trust.protocol(self._security) == "tls" else ""
            trusted = "" if tls or is_loopback(self._address.host) else " --trust-network"
            logger.info(f"waiting for workers, which join by: neural-style worker {where}{tls}{trusted}")


def _cause(error):
    """The end of a sentence about an error of Dask, which wraps others in long ones."""
    while error.__cause__ is not None:
        error = error.__cause__
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def open_cluster(
    text: str,
    *,
    tls: str | None = None,
    trust_network: bool = False,
    waits: bool = False,
) -> Cluster:
    """The Cluster at an address as --cluster takes it, which is not connected before it is entered. Raises Mistakes.

    tls: the directory of certificates. trust_network: whether a network without TLS is used beyond this machine.
    """
    from brushwork.cluster import address

    place = address.read(text)
    security = trust.security(place, tls)
    protocol = (place.protocol if isinstance(place, Running) else "") or trust.protocol(security)
    trust.check(place, protocol, trust_network=trust_network)
    return Cluster(place, security, waits=waits)
