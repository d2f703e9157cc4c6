"""Trust: the certificates of a cluster, and the refusal of networks on which anybody could use it.

Whoever reaches a scheduler or a worker without TLS runs any code there. With TLS, whoever holds the key does.
"""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from brushwork.cluster.address import Address, Listen, Local, Running, is_loopback, url
from brushwork.errors import Mistakes

if TYPE_CHECKING:
    from distributed import Security

CERTIFICATE, KEY, AUTHORITY = "cert.pem", "key.pem", "ca.pem"  # in the directory of --cluster-tls


def security(address: Address, directory: str | None) -> Security:
    """The certificates of a directory, or else of Dask's own configuration. Raises Mistakes."""
    from distributed import Security

    if directory is None:
        is_tls = isinstance(address, Running) and address.protocol == "tls"
        made = Security(require_encryption=True) if is_tls else Security()
        if is_tls and not made.tls_ca_file:
            text = url(address.host, address.port, "tls")
            raise Mistakes(f"{text} needs certificates; give --cluster-tls or set them in Dask's configuration")
        return made
    if isinstance(address, Running) and address.protocol == "tcp":
        raise Mistakes("--cluster-tls is for a scheduler at tls://, and a scheduler at tcp:// has no TLS")
    certificate, key, authority = certificates(directory)
    roles = {f"tls_{role}_{kind}": path for role in ("client", "scheduler", "worker")
             for kind, path in (("cert", certificate), ("key", key))}  # fmt: skip
    return Security(require_encryption=True, tls_ca_file=authority, **roles)


def certificates(directory: str) -> tuple[str, str, str]:
    """(certificate, key, certificate of the authority), paths in a directory. Raises Mistakes.

    cert.pem may hold the key too. Without ca.pem it is a certificate that has signed itself.
    """
    certificate = os.path.join(directory, CERTIFICATE)
    if not os.path.isfile(certificate):
        raise Mistakes(
            f"--cluster-tls {directory}: there is no {CERTIFICATE} in it; {KEY} and {AUTHORITY} go beside it"
        )
    others = [os.path.join(directory, name) for name in (KEY, AUTHORITY)]
    key, authority = (path if os.path.isfile(path) else certificate for path in others)
    try:
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise Mistakes(f"--cluster-tls {directory}: its certificates cannot be used: {error}") from None
    return certificate, key, authority


def protocol(security: Security) -> str:
    """The protocol of what is started here."""
    return "tls" if security.require_encryption or security.tls_ca_file else "tcp"


def check(address: Address, protocol: str, *, trust_network: bool) -> None:
    """Refuse, with Mistakes, an address beyond this machine without TLS, unless the network is trusted."""
    if protocol == "tls" or trust_network or isinstance(address, Local) or is_loopback(address.host):
        return
    what = "listening at" if isinstance(address, Listen) else "a scheduler at"
    raise Mistakes(
        f"{what} {url(address.host, address.port, protocol)} without TLS lets anybody in that network run any code; "
        "give --cluster-tls DIRECTORY, or --trust-network if nobody else is there"
    )
