"""Security: rejects cross-site and unauthenticated requests.

Browsers send requests of any page to any address, including this machine's. A request is answered only if its Host is
a name of this machine (otherwise another site's name could be made to point here), and if it comes from the server's
own page. With a token, it needs the token instead of such a name, as a cookie. The page gets the cookie when it is
opened with ?token=... in its address.
"""

from __future__ import annotations

import hmac
import re
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, QueryParams
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from brushwork.studio.answers import refusal
from brushwork.studio.refusals import Refused, answer

COOKIE = "neural-style-token"  # the port is appended, since browsers share cookies between ports
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityMiddleware:
    """ASGI middleware that rejects requests before they reach the studio."""

    def __init__(self, app: ASGIApp, *, hosts: set[str] | None, token: str | None = None):
        """hosts: the accepted names in Host; None: any, for a server with a token.

        Any port is accepted, as `ssh -L` and containers forward others. It would protect from nothing: a page of
        another site that makes its name point here sends the right one.
        """
        self._app, self._hosts, self._token = app, hosts, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        response = self._refusal(scope, headers)
        if response is not None:
            await response(scope, receive, send)
            return

        async def sending(message):
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message = message | {"headers": [*message["headers"], *added]}
            await send(message)

        await self._app(scope, receive, sending)

    def _refusal(self, scope, headers):
        """The response to a request that is rejected, or None."""
        host, opens_page = headers.get("host", ""), scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        if self._hosts is not None and re.sub(r":\d+$", "", host.lower()) not in self._hosts:
            return _refused(headers, 421, f"this server answers to {' and '.join(sorted(self._hosts))} only")
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in (f"http://{host.lower()}", f"https://{host.lower()}"):
            return _refused(headers, 403, "requests from other sites are rejected")
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none") and not opens_page:
            return _refused(headers, 403, "requests from other sites are rejected")
        if self._token is None:
            return None
        given = QueryParams(scope["query_string"]).get("token")
        if opens_page and given is not None and self._is_token(given):
            response = RedirectResponse("./", 303)  # relative: a proxy may have the page at another path
            response.set_cookie(_cookie_name(host), self._token, httponly=True, samesite="strict")
            return response
        if not self._is_token(_cookie(headers, host)):
            sentence = "open the page at the address that the terminal shows, which includes the token"
            return _refused(headers, 401, sentence)
        return None

    def _is_token(self, text):
        return hmac.compare_digest(text.encode(), self._token.encode())


def _cookie_name(host):
    return "-".join([COOKIE, *re.findall(r":(\d+)$", host)])


def _cookie(headers, host):
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    name = _cookie_name(host)
    return cookies[name].value if name in cookies else ""


def _refused(headers, status, sentence):
    return refusal(headers, *answer(Refused(status, sentence)), HEADERS)
