"""The flags of the cluster, and the command of a worker."""

import socket
import sys

import pytest

import neural_style
from brushwork.cluster import worker
from brushwork.run import resuming
from tests.cluster.test_trust import make_certificates


def test_the_extra_is_named_where_it_is_missing(command, monkeypatch):
    for name in ("brushwork.cluster.cluster", "dask", "distributed"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "brushwork.cluster.cluster")
    status, _, err = command("--cluster", "local:2")
    assert status == 1
    assert "neural_style: error: --cluster needs dask: python -m pip install " in err
    assert "[cluster]" in err


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--cluster", "nowhere"], "nowhere is no address of a cluster"),
        (["--cluster", "tcp://10.1.1.1:8786"], "a scheduler at tcp://10.1.1.1:8786 without TLS lets anybody"),
        (["--cluster", "listen:0.0.0.0:8786"], "listening at tcp://0.0.0.0:8786 without TLS lets anybody"),
        (["--cluster", "local:2", "--cluster-tls", "nowhere"], "--cluster-tls nowhere: there is no cert.pem in it"),
        (["--cluster", "local:2", "--instant"], "--cluster is for an optimisation, and --instant makes none"),
    ],
)
def test_bad_usage(command, flags, sentence):
    status, _, err = command(*flags)
    assert status == 2
    assert sentence in err
    assert "Traceback" not in err


def test_a_scheduler_that_is_not_there(command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    status, _, err = command("--cluster", f"127.0.0.1:{port}")
    assert status == 1
    assert f"cannot reach the scheduler at tcp://127.0.0.1:{port}" in err


@pytest.mark.parametrize("flag", ["--cluster-tls=nowhere", "--cluster-wait", "--trust-network"])
def test_flags_without_a_cluster(command, flag):
    status, _, err = command(flag, "--dry-run")
    assert status == 0
    assert f"{flag.partition('=')[0]} has no effect without --cluster" in err


def test_a_dry_run_starts_nothing(command):
    status, out, err = command("--cluster", "local:2", "--dry-run")
    assert status == 0
    assert out
    assert "--dry-run describes the run on this machine alone" in err


def test_no_state_names_a_cluster():
    known = {"--cluster", "--cluster-tls", "--cluster-wait", "--trust-network"}
    assert known <= set(resuming.NEVER_SAVED)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["10.1.1.1:8786"], "without TLS lets anybody in that network run any code"),
        (["nowhere"], "nowhere is no address of a cluster"),
        (["127.0.0.1:1", "--workers", "0"], "--workers must be between 1 and 256, not 0"),
        ([], "the following arguments are required: HOST:PORT"),
    ],
)
def test_bad_usage_of_a_worker(capfd, words, sentence):
    assert neural_style.main(["worker", *words]) == 2
    assert sentence in capfd.readouterr().err


def test_what_a_worker_asks_of_dask(monkeypatch, capfd, tmp_path):
    words = []
    monkeypatch.setattr(worker, "_run", lambda *given: words.extend(given[0]) or 0)
    make_certificates(tmp_path)
    assert neural_style.main(["worker", "127.0.0.1:8786", "--workers", "3", "--cluster-tls", str(tmp_path)]) == 0
    options = dict(zip(words[1:-1:2], words[2::2], strict=True))
    assert words[0] == "tls://127.0.0.1:8786"
    assert words[-1] == "--no-dashboard"
    assert options == {
        **{"--host": "127.0.0.1", "--nworkers": "3", "--nthreads": "1", "--memory-limit": "0"},
        **{"--preload": "brushwork.cluster.preload", "--tls-ca-file": f"{tmp_path}/cert.pem"},
        **{"--tls-cert": f"{tmp_path}/cert.pem", "--tls-key": f"{tmp_path}/key.pem"},
    }
