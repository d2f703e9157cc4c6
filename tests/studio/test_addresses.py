"""Addresses: the port, and the names by which browsers reach the server."""

import ipaddress
import socket
from types import SimpleNamespace

import pytest

from brushwork.errors import UserError
from brushwork.studio import addresses, command


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]"), ("localhost", "localhost")],
)
def test_the_address_that_is_shown(host, shown):
    assert addresses.names(host)[0] == shown
    assert {"127.0.0.1", "localhost", "[::1]"} <= set(addresses.names(host))


def interfaces(monkeypatch, **found):
    """Give this machine network interfaces; found: their addresses."""
    monkeypatch.setattr(addresses.psutil, "net_if_stats", lambda: dict.fromkeys(found, SimpleNamespace(isup=True)))
    families = {4: socket.AF_INET, 6: socket.AF_INET6}
    made = {
        name: [
            SimpleNamespace(family=families[ipaddress.ip_address(each.partition("%")[0]).version], address=each)
            for each in own
        ]
        for name, own in found.items()
    }
    monkeypatch.setattr(addresses.psutil, "net_if_addrs", lambda: made)


def test_a_server_for_other_machines_shows_its_address(monkeypatch):
    interfaces(
        monkeypatch,
        lo=["127.0.0.1", "::1"],
        docker0=["172.17.0.1"],
        eth0=["10.1.2.3", "fe80::1%eth0", "2001:db8::7"],
        wlan0=["192.168.1.5"],
    )
    assert addresses.names("0.0.0.0") == ["192.168.1.5", "10.1.2.3", "172.17.0.1"]
    assert addresses.names("::") == ["[2001:db8::7]"]
    interfaces(monkeypatch, lo=["127.0.0.1"])
    assert addresses.names("0.0.0.0") == [socket.gethostname()]
    assert addresses.names("192.168.1.5") == ["192.168.1.5"]


def test_the_next_free_port_is_taken_and_told(caplog):
    caplog.set_level("INFO", "brushwork")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with addresses.listen("127.0.0.1", port) as found:
            chosen = found.getsockname()[1]
            assert port < chosen <= port + addresses.MORE_PORTS
    address = command._tell(SimpleNamespace(port=port, token=None), "127.0.0.1", chosen, "x")
    assert address == f"http://127.0.0.1:{chosen}/"
    assert caplog.messages[0].startswith(f"port {port} is in use, so the studio is at {address}; ")
    assert command._tell(SimpleNamespace(port=0, token="s3cret"), "h", 9, "x") == "http://h:9/?token=s3cret"
    assert caplog.messages[1].startswith("the studio is at ")


def test_ports_that_are_all_taken(monkeypatch):
    monkeypatch.setattr(addresses, "MORE_PORTS", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen at 127.0.0.1, port {port}: .*; --port 0 takes a free one"):
            addresses.listen("127.0.0.1", port)
