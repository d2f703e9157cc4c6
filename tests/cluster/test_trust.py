"""Certificates, and networks that are not trusted."""

import subprocess

import pytest

from brushwork.cluster import trust
from brushwork.cluster.address import Listen, Local, Running
from brushwork.cluster.cluster import open_cluster
from brushwork.errors import Mistakes


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """A directory with a certificate that has signed itself, and its key."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def make_certificates(directory):
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test".split()
    files = ["-keyout", str(directory / "key.pem"), "-out", str(directory / "cert.pem")]
    subprocess.run([*words, *files], check=True, capture_output=True)
    return directory


@pytest.mark.parametrize("address", [Listen("0.0.0.0", 1), Running("tcp", "10.1.1.1", 1), Running("", "10.1.1.1", 1)])
def test_a_network_without_tls_is_refused(address):
    with pytest.raises(Mistakes) as error:
        trust.check(address, "tcp", trust_network=False)
    (sentence,) = error.value.sentences
    assert "without TLS lets anybody in that network run any code; give --cluster-tls DIRECTORY, or --trust" in sentence
    assert error.value.status == 2
    trust.check(address, "tls", trust_network=False)
    trust.check(address, "tcp", trust_network=True)


@pytest.mark.parametrize(
    "address", [Local(2), Listen("127.0.0.1", 1), Listen("::1", 1), Running("tcp", "127.0.0.1", 1)]
)
def test_this_machine_is_trusted(address):
    trust.check(address, "tcp", trust_network=False)


def test_one_certificate_is_enough(certificates):
    security = trust.security(Listen("0.0.0.0", 1), str(certificates))
    assert trust.protocol(security) == "tls"
    assert security.tls_ca_file == str(certificates / "cert.pem")
    assert security.tls_worker_key == str(certificates / "key.pem")
    open_cluster("listen:0.0.0.0:1", tls=str(certificates))  # is not refused


def test_certificates_that_cannot_be_used(certificates, tmp_path):
    with pytest.raises(Mistakes) as error:
        trust.security(Local(1), str(tmp_path))
    assert f"--cluster-tls {tmp_path}: there is no cert.pem in it" in error.value.sentences[0]
    (tmp_path / "cert.pem").write_text("no certificate")
    with pytest.raises(Mistakes) as error:
        trust.security(Local(1), str(tmp_path))
    assert f"--cluster-tls {tmp_path}: its certificates cannot be used: " in error.value.sentences[0]


def test_tls_and_plain_do_not_go_together(certificates):
    with pytest.raises(Mistakes, match=None) as error:
        trust.security(Running("tcp", "127.0.0.1", 1), str(certificates))
    assert "--cluster-tls is for a scheduler at tls://" in error.value.sentences[0]
    with pytest.raises(Mistakes) as error:
        trust.security(Running("tls", "127.0.0.1", 1), None)
    assert "tls://127.0.0.1:1 needs certificates" in error.value.sentences[0]
