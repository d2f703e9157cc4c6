"""What --cluster takes."""

import json

import pytest

from brushwork.cluster import address
from brushwork.cluster.address import Listen, Local, Running
from brushwork.errors import Mistakes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:4", Local(4)),
        ("LOCAL:1", Local(1)),
        ("listen:0.0.0.0:8786", Listen("0.0.0.0", 8786)),
        ("listen:[::1]:8786", Listen("::1", 8786)),
        ("tcp://host.example:8786", Running("tcp", "host.example", 8786)),
        ("tls://10.0.0.1:8786/", Running("tls", "10.0.0.1", 8786)),
        ("host:8786", Running("", "host", 8786)),
        ("tcp://[fe80::1]:1", Running("tcp", "fe80::1", 1)),
    ],
)
def test_addresses(text, expected):
    assert address.read(text) == expected


def test_local_has_at_least_two_workers():
    assert address.read("local").workers >= 2


@pytest.mark.parametrize(
    "text", ["host", "host:", "host:port", "host:0", "host:65536", "listen:8786", "tcp://a b:1", "", "tcp://:8786"]
)
def test_what_is_no_address(text):
    with pytest.raises(Mistakes) as error:
        address.read(text)
    assert "is no address of a cluster; it is one of local, local:4, listen:HOST:PORT" in error.value.sentences[0]


@pytest.mark.parametrize("text", ["local:", "local:0", "local:257", "local:two", "local:-1"])
def test_numbers_of_workers(text):
    with pytest.raises(Mistakes) as error:
        address.read(text)
    assert error.value.sentences == [f"{text} takes a number of workers, from 1 to 256, as in local:4"]


def test_other_protocols():
    with pytest.raises(Mistakes) as error:
        address.read("ucx://host:1")
    assert error.value.sentences == ["a scheduler is reached by tcp:// or tls://, not ucx://"]


def test_the_file_of_a_scheduler(tmp_path):
    file = tmp_path / "scheduler.json"
    file.write_text(json.dumps({"type": "Scheduler", "address": "tls://10.1.2.3:8786", "workers": {}}))
    assert address.read(str(file)) == Running("tls", "10.1.2.3", 8786)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": 7}', "no JSON"])
def test_other_files(tmp_path, text):
    file = tmp_path / "scheduler.json"
    file.write_text(text)
    with pytest.raises(Mistakes, match=None) as error:
        address.read(str(file))
    assert "is not the file of a scheduler" in error.value.sentences[0]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("0.0.0.0", False), ("8.8.8.8", False)],
)
def test_loopback(host, expected):
    assert address.is_loopback(host) is expected


def test_urls():
    assert address.url("::1", 5, "tls") == "tls://[::1]:5"
    assert address.url("host", 5, "tcp") == "tcp://host:5"
