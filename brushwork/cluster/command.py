"""The command line of a run on a cluster: its flags, checked, and the cluster that they name."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from brushwork.errors import UserError
from brushwork.messages import logger
from brushwork.run import arguments, runner
from brushwork.run.pipeline import Show

if TYPE_CHECKING:
    from brushwork.cluster.cluster import Cluster
    from brushwork.video.progress import ShowFilm


def run(options: argparse.Namespace, show: Show | None = None) -> int:
    """Make the pictures that parsed options with --cluster ask for; see runner.run. Raises UserError."""
    cluster = make_cluster(options)
    if options.dry_run:
        logger.info("--dry-run describes the run on this machine alone, without the cluster")
        return runner.run(options, show)
    return runner.run(options, show, cluster)


def run_film(options: argparse.Namespace, show: ShowFilm | None = None) -> int:
    """Paint the film that parsed options with --cluster ask for; see film.run. Raises UserError."""
    from brushwork.video import film

    cluster = make_cluster(options)
    if options.dry_run:
        logger.info("--dry-run describes the run on this machine alone, without the cluster")
        return film.run(options, show)

    def spread(*given: Any) -> None:
        from brushwork.cluster import shots  # it imports OpenCV, which film.run has asked for

        shots.paint(cluster, *given)

    return film.run(options, show, spread)


def make_cluster(options: argparse.Namespace) -> Cluster:
    """The cluster of parsed options, which is not connected yet. Raises UserError."""
    try:
        from brushwork.cluster.cluster import open_cluster
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        packages = shlex.quote(arguments.distribution("cluster"))
        raise UserError(f"--cluster needs {error.name}: python -m pip install {packages}") from None
    given = {"tls": options.cluster_tls, "trust_network": options.trust_network, "waits": options.cluster_wait}
    return open_cluster(options.cluster, **given)
