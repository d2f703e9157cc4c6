"""Connections: time limits for clients that send or read nothing, and an end without errors.

A client may take only so long to send the header of a request, each part of its body, and to read the answer. Otherwise
a few hundred connections that do nothing would keep everybody else out.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from brushwork.studio.refusals import Refused

HEADER_SECONDS = 10  # for the header of a request, from the connection or from the end of the request before it
MOST_WITHOUT_REQUEST = 100  # connections; of more, the oldest is closed
READING_SECONDS = 60  # without reading anything of an answer
SILENT_SECONDS = 10  # without sending anything of a body
LEAST_SPEED = 20_000  # bytes of a body in a second, beyond the first SILENT_SECONDS
MOST_CONNECTIONS = 300


class LimitedProtocol(H11Protocol):
    """The protocol of a connection with time limits for headers and for reading answers."""

    _header_timer: asyncio.TimerHandle | None = None
    _reading_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch_header()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_header()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_header()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_header_timer()
        self._end_reading_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._end_reading_timer()
        self._reading_timer = self.loop.call_later(READING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._end_reading_timer()

    def _watch_header(self):
        """Start the time limit if no request is being answered, otherwise end it."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_header_timer()
        elif self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(HEADER_SECONDS, self.transport.abort)
            waiting = self._without_request
            waiting[self] = None
            if len(waiting) > MOST_WITHOUT_REQUEST:
                oldest = next(iter(waiting))
                oldest._end_header_timer()
                oldest.transport.abort()

    @property
    def _without_request(self):
        """The connections of this server that wait for a request, the oldest first."""
        return vars(self.server_state).setdefault("without_request", {})

    def _end_header_timer(self):
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None
            self._without_request.pop(self, None)

    def _end_reading_timer(self):
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None


class Server(uvicorn.Server):
    """The HTTP server, until Ctrl-C."""

    def __init__(self, app: ASGIApp, *, ending: Callable[[], None]):
        """ending: called when the server begins to end; it ends what would go on answering."""
        self._ending = ending
        options: dict[str, Any] = {"http": LimitedProtocol, "ws": "none", "lifespan": "on", "log_level": "error"}
        options |= {"timeout_graceful_shutdown": 1, "limit_concurrency": MOST_CONNECTIONS, "server_header": False}
        super().__init__(uvicorn.Config(app, **options))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the server. Answers that are not ended in time are cancelled, which is no error."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        self._ending()
        await super().shutdown(sockets)


async def body(request: Request, most: float) -> AsyncIterator[bytes]:
    """Yields the parts of the body of a request. Raises Refused if it is too long, or does not arrive.

    most: bytes.
    """
    size, stream, began = 0, aiter(request.stream()), asyncio.get_running_loop().time()
    too_long = Refused(413, f"this is too long; at most {most / 1e6:g} MB are possible")
    if int(request.headers.get("content-length", 0)) > most:
        raise too_long
    while True:
        spent = asyncio.get_running_loop().time() - began
        allowed = min(SILENT_SECONDS, SILENT_SECONDS + size / LEAST_SPEED - spent)
        try:
            part = await asyncio.wait_for(anext(stream, None), allowed)
        except (TimeoutError, asyncio.TimeoutError, ClientDisconnect):
            raise Refused(408, "the request did not arrive in time") from None
        if part is None:
            return
        size += len(part)
        if size > most:
            raise too_long
        yield part
