"""The command `neural-style worker`, which lets this machine compute for a run with --cluster."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

from brushwork.cluster import address, trust
from brushwork.errors import DONE, UserError
from brushwork.messages import logger
from brushwork.run import arguments

PATIENCE = 60  # s until the scheduler has to be there


def main(argv: Sequence[str]) -> int:
    """Be a worker until the run ends, or Ctrl-C; returns the exit status. Raises UserError."""
    options = parse(argv)
    place = address.running(options.scheduler)
    configuration = {
        "distributed.worker.http.routes": [],  # no pages about the process in the network
        "distributed.comm.timeouts.connect": f"{PATIENCE}s",
        "logging.distributed": "critical",
    }
    try:
        import dask

        dask.config.set(configuration)
        security = trust.security(place, options.cluster_tls)
    except ImportError as error:
        packages = shlex.quote(arguments.distribution("cluster"))
        raise UserError(f"a worker needs {error.name}: python -m pip install {packages}") from None
    protocol = place.protocol or trust.protocol(security)
    trust.check(place, protocol, trust_network=options.trust_network)
    scheduler = address.url(place.host, place.port, protocol)
    host = options.host or _own_address(place)
    logger.info(f"working for the scheduler at {scheduler} until it ends; Ctrl-C leaves it")
    return _run([scheduler, *_dask_options(host, options.workers, security)], scheduler)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The options of the command. Raises Mistakes."""
    parser = arguments.Parser(
        prog="neural-style worker",
        description="Computes for a run with --cluster on another machine, until that run ends, or Ctrl-C. It runs "
        "whatever the scheduler sends, and whoever reaches it without TLS can run any code here.",
        epilog="exit status: 0 ended by the scheduler or Ctrl-C, 1 could not, 2 bad usage",
        allow_abbrev=False,
    )
    parser.add_argument("scheduler", metavar="HOST:PORT", help="where the run, or a Dask scheduler, listens")
    text = "processes; each has an equal share of the cores (default: 1)"
    parser.add_argument("--workers", type=arguments.WHOLE, default=1, metavar="N", help=text)
    text = "address of this machine at which it listens (default: the one that faces the scheduler)"
    parser.add_argument("--host", metavar="ADDRESS", help=text)
    text = "certificates: cert.pem, key.pem, ca.pem (default: Dask's configuration)"
    parser.add_argument("--cluster-tls", metavar="DIRECTORY", help=text)
    text = "work without TLS beyond this machine (default: refuse)"
    parser.add_argument("--trust-network", action="store_true", help=text)
    options = parser.parse_args(argv)
    if not 1 <= options.workers <= address.MOST_LOCAL:
        parser.error(f"--workers must be between 1 and {address.MOST_LOCAL}, not {options.workers}")
    return options


def _dask_options(host, workers, security):
    """The options of `dask worker`. There is no memory limit: near it, Dask pauses or kills workers again and again."""
    given = {"--host": host, "--nworkers": workers, "--nthreads": 1, "--memory-limit": 0}
    given["--preload"] = "brushwork.cluster.preload"
    if security.tls_ca_file:
        own = security.tls_worker_cert, security.tls_worker_key or security.tls_worker_cert
        given |= {"--tls-ca-file": security.tls_ca_file, "--tls-cert": own[0], "--tls-key": own[1]}
    return [*(word for pair in given.items() for word in map(str, pair)), "--no-dashboard"]


def _own_address(place):
    """The address of this machine that faces the scheduler."""
    if address.is_loopback(place.host):
        return "::1" if ":" in place.host else "127.0.0.1"
    with suppress(OSError):
        family, kind, *_, target = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(target)  # a datagram socket sends nothing
            return probe.getsockname()[0]
    raise UserError(f"cannot find a way to {place.host}; is the name right? --host names an address of this machine")


def _run(words, scheduler):
    """Carry out `dask worker`."""
    from distributed.cli.dask_worker import main as dask_worker

    os.environ.setdefault("TF_OVERRIDE_GLOBAL_THREADPOOL", "1")  # each session has threads of its own
    os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"  # for the process that computes
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        dask_worker.main(args=words, standalone_mode=False)
    except SystemExit as error:
        if error.code:
            raise UserError(_unreachable(scheduler)) from None
    except (OSError, RuntimeError) as error:
        logger.debug(error)
        raise UserError(_unreachable(scheduler)) from None
    finally:
        sys.stderr.flush()
    return DONE


def _unreachable(scheduler):
    return f"cannot work for the scheduler at {scheduler}: it does not answer, or it has other certificates"
