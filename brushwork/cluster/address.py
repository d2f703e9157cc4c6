"""Addresses: what --cluster takes, and which of them other machines can reach."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import socket
from dataclasses import dataclass

from brushwork.errors import Mistakes

PROTOCOLS = "tcp", "tls"
EXAMPLES = "local, local:4, listen:HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, or the file of a scheduler"
MOST_LOCAL = 256  # workers


@dataclass(frozen=True)
class Local:
    """A cluster on this machine, which ends with the run."""

    workers: int


@dataclass(frozen=True)
class Listen:
    """This process is the scheduler, which workers join."""

    host: str
    port: int


@dataclass(frozen=True)
class Running:
    """A scheduler that the user has started."""

    protocol: str  # "tcp" or "tls"; "": tls if certificates are given
    host: str
    port: int


Address = Local | Listen | Running


def read(text: str) -> Address:
    """The address in the value of --cluster. Raises Mistakes."""
    kind, _, rest = text.partition(":")
    if kind.lower() == "local":
        return Local(_workers(text, rest)) if ":" in text else Local(max(2, _cores() // 4))
    if kind.lower() == "listen":
        return Listen(*_host_and_port(text, rest))
    if os.path.isfile(text):
        return _of_file(text)
    return running(text)


def running(text: str) -> Running:
    """The address of a scheduler: HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT. Raises Mistakes."""
    protocol, separator, place = text.rpartition("://")
    if separator and protocol.lower() not in PROTOCOLS:
        raise Mistakes(f"a scheduler is reached by tcp:// or tls://, not {protocol}://")
    return Running(protocol.lower(), *_host_and_port(text, place))


def url(host: str, port: int, protocol: str) -> str:
    """An address as Dask writes it."""
    return f"{protocol}://{f'[{host}]' if ':' in host else host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host name or address. A name that has no address counts as others do."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in found)


def _of_file(path):
    """The address in the file that `dask scheduler --scheduler-file` has written."""
    try:
        with open(path, encoding="utf-8") as file:
            return running(json.load(file)["address"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise Mistakes(f"{path} is not the file of a scheduler, which dask scheduler --scheduler-file writes") from None


def _host_and_port(text, place):
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})", place.rstrip("/"))
    if not found or not 0 < int(found[3]) < 65536:
        raise Mistakes(f"{text} is no address of a cluster; it is one of {EXAMPLES}")
    return found[1] or found[2], int(found[3])


def _workers(text, count):
    if not (count.isascii() and count.isdigit() and 1 <= int(count[:9]) <= MOST_LOCAL):
        raise Mistakes(f"{text} takes a number of workers, from 1 to {MOST_LOCAL}, as in local:4")
    return int(count)


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
