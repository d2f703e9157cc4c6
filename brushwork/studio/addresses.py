"""Addresses: where the server listens, and the names of this machine by which browsers reach it."""

import errno
import ipaddress
import socket

import psutil

from brushwork.errors import UserError

ANYWHERE = "0.0.0.0", "::"
MORE_PORTS = 20  # that are tried if the port is in use


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at a port, or at one of the next ports if it is in use; 0: at a free one.

    Raises UserError.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        ports = range(port, min(port + MORE_PORTS, 65535) + 1) if port else [0]
        for each in ports:
            try:
                return socket.create_server((address[0], each), family=family)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or each == ports[-1]:
                    raise
    except OSError as error:
        remedy = "--port 0 takes a free one"
        raise UserError(f"cannot listen at {host}, port {port}: {error.strerror}; {remedy}") from error
    raise AssertionError  # the last port returns or raises


def names(host: str) -> list[str]:
    """The names of this server in the page's address; the first one is shown. host: the value of --host."""
    found = _own_addresses(host) or [socket.gethostname()] if host in ANYWHERE else [host]
    found = [f"[{each}]" if ":" in each else each for each in found]
    return [*found, *(("127.0.0.1", "localhost", "[::1]") if is_loopback(host) else ())]


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_addresses(host):
    """The addresses of this machine's network interfaces, those of home and office networks first."""
    version, states, found = ipaddress.ip_address(host).version, psutil.net_if_stats(), []
    for interface, addresses in psutil.net_if_addrs().items():
        for each in addresses if interface in states and states[interface].isup else ():
            if each.family in (socket.AF_INET, socket.AF_INET6):
                address = ipaddress.ip_address(each.address.partition("%")[0])
                is_virtual = interface.startswith(("docker", "br-", "veth", "virbr"))
                if address.version == version and not (address.is_loopback or address.is_link_local):
                    found.append((is_virtual, not str(address).startswith("192.168."), str(address)))
    return [address for *_, address in sorted(found)]
