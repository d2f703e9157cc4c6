"""The security: whose requests are answered."""

import asyncio

import pytest

pytest.importorskip("starlette", reason="the extra studio is not installed")

from brushwork.studio.security import COOKIE, SecurityMiddleware

HOSTS = {"127.0.0.1", "localhost", "[::1]"}


def status(headers, *, path="/api/form", method="GET", query="", hosts=HOSTS, token=None):
    """The status of the answer to a request with these headers; 200 stands for one that is let through."""
    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def send(message):
        sent.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "path": path, "method": method, "headers": raw, "query_string": query.encode()}
    asyncio.run(SecurityMiddleware(app, hosts=hosts, token=token)(scope, None, send))
    given = dict(sent[0]["headers"])
    if sent[0]["status"] == 200:
        assert b"default-src 'self'" in given[b"content-security-policy"]
    return sent[0]["status"], given


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Origin": "http://127.0.0.1:8000"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "LOCALHOST:8000", "Origin": "http://localhost:8000"}, 200),
        ({"Host": "evil.example:8000"}, 421),  # a name that was made to point here
        ({"Host": "evil.example"}, 421),
        ({"Host": "localhost.evil.example:8000"}, 421),
        ({"Host": "evil.example:80:8000"}, 421),
        ({"Host": "localhost:"}, 421),
        ({"Host": "localhost:9000", "Origin": "http://localhost:9000"}, 200),  # ssh -L 9000:localhost:8000
        ({"Host": "[::1]:9000"}, 200),
        ({"Host": "[::1]"}, 200),
        ({"Host": "localhost:9000", "Origin": "http://localhost:8000"}, 403),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:8001"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
    ],
    ids=str,
)
def test_only_the_own_page_is_answered(headers, expected):
    for method in ("GET", "POST"):
        assert status({"Host": "127.0.0.1:8000"} | headers, method=method)[0] == expected


def test_a_link_on_another_page_may_open_the_page():
    headers = {"Host": "127.0.0.1:8000", "Sec-Fetch-Site": "cross-site"}
    assert status(headers, path="/")[0] == 200
    assert status(headers, path="/", method="POST")[0] == 403


def test_a_token_is_asked_for_and_kept_in_a_cookie():
    with_token = {"hosts": None, "token": "s3cretsecret"}
    host = {"Host": "192.168.1.5:8000"}
    assert status(host, **with_token)[0] == 401
    assert status(host, path="/", **with_token)[0] == 401
    assert status(host, path="/", query="token=wrong", **with_token)[0] == 401
    code, headers = status(host, path="/", query="token=s3cretsecret", **with_token)
    assert (code, headers[b"location"]) == (303, b"./")  # relative, so right behind a proxy too
    cookie = headers[b"set-cookie"].decode()
    assert cookie.startswith(f"{COOKIE}-8000=s3cretsecret;")
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert status(host | {"Cookie": f"{COOKIE}-8000=s3cretsecret"}, **with_token)[0] == 200
    assert status(host | {"Cookie": f"{COOKIE}-8000=s3cretsecre"}, **with_token)[0] == 401
    assert status(host | {"Cookie": f"{COOKIE}-8001=s3cretsecret"}, **with_token)[0] == 401  # of another studio
    assert status(host, query="token=s3cretsecret", **with_token)[0] == 401  # only to open the page


def test_odd_cookies_and_tokens_are_no_token():
    for cookie in ("", ";;;", "a=b", f'{COOKIE}="\\', "\u00e9=1"):
        given = {"Host": "x", "Cookie": cookie}
        assert status(given, hosts=None, token="s3cretsecret")[0] == 401
    assert status({"Host": "x"}, path="/", query="token=%C3%A9", hosts=None, token="s3cretsecret")[0] == 401
