"""The HTTP server of the studio: the page, its requests, and the stream of events."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from brushwork.errors import PictureError
from brushwork.studio import requests
from brushwork.studio.queue import PictureQueue, Superseded
from brushwork.studio.security import SecurityMiddleware
from brushwork.studio.storage import MOST_BYTES, Storage

PAGE = Path(__file__).parent / "page"
MOST_REQUEST = 200_000  # bytes of a request that is not an upload
AT_ONCE, WAITING = 4, 40  # uploads that are received at once, and that are received or wait
SILENCE = 30  # s without a byte of an upload
PAUSE, PULSE = 0.1, 15.0  # s between two events: at least, and at most
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".tif": "image/tiff"}


class Refused(Exception):
    """A request that is refused, with an HTTP status and a sentence for the page."""

    def __init__(self, status: int, sentence: str):
        super().__init__(sentence)
        self.status = status


class Changes:
    """Wakes the streams of events after a change. Each then reads the newest state; changes are not queued."""

    def __init__(self):
        self.number, self._loop, self._event = 0, None, None

    def begin(self) -> None:
        """Start to take notifications; called in the event loop."""
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()

    def notify(self) -> None:
        """Wake the streams; called from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self):
        self.number += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait for the next change, so many seconds at most."""
        with suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)


class Studio:
    """The handlers of all requests."""

    def __init__(self, storage: Storage, queue: PictureQueue, changes: Changes, *, network: str | None):
        """network: the value of --network."""
        self._storage, self._queue, self._changes = storage, queue, changes
        self._form = requests.description(network)
        self._uploading, self._waiting = asyncio.Semaphore(AT_ONCE), 0

    def app(self, *, hosts: set[str] | None, token: str | None, ended: Callable[[str | None], None]) -> Starlette:
        """The ASGI application. hosts, token: see SecurityMiddleware.

        ended(path): called at its end with the picture that was being painted, or None.
        """

        @asynccontextmanager
        async def life(app):
            self._changes.begin()
            yield
            ended(await run_in_threadpool(self._queue.close))

        one = "/api/pictures/{number}"
        routes = [
            Route("/", lambda request: FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})),
            Route("/api/form", self.form),
            Route("/api/events", self.events),
            Route("/api/uploads", self.uploads),
            Route("/api/uploads", self.upload, methods=["POST"]),
            Route("/api/uploads/{number}/view", self.view),
            Route("/api/preview", self.preview, methods=["POST"]),
            Route("/api/pictures", self.paint, methods=["POST"]),
            Route(one, self.details),
            Route(one, self.remove, methods=["DELETE"]),
            Route(f"{one}/stop", self.stop, methods=["POST"]),
            Route(f"{one}/continue", self.resume, methods=["POST"]),
            Route(f"{one}/current", self.current),
            Route(f"{one}/picture{{kind}}", self.picture),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]
        errors = {Refused: _refused, KeyError: _unknown, ValueError: _wrong, PictureError: _wrong, OSError: _failed}
        security = Middleware(SecurityMiddleware, hosts=hosts, token=token)
        app = Starlette(routes=routes, exception_handlers=errors, middleware=[security], lifespan=life)
        app.router.redirect_slashes = False  # its redirects are to absolute addresses
        return app

    async def form(self, request: Request) -> Response:
        """What the page makes its dials and fields from."""
        return JSONResponse(self._form | {"folder": str(self._storage.folder)})

    async def uploads(self, request: Request) -> Response:
        """All uploads and examples."""
        return JSONResponse([upload.public() for upload in self._storage.uploads()])

    async def upload(self, request: Request) -> Response:
        """Receive a picture, the body of the request, whose name is in the query."""
        if int(request.headers.get("content-length", 0)) > MOST_BYTES:
            raise Refused(413, f"pictures are at most {MOST_BYTES / 1e6:.0f} MB")
        if self._waiting >= WAITING:
            raise Refused(429, "too many pictures at once; try again")
        self._waiting += 1
        try:
            async with self._uploading:
                return await self._receive(request)
        finally:
            self._waiting -= 1

    async def _receive(self, request):
        file, path = self._storage.temporary()
        try:
            with file:
                chunks, size = aiter(request.stream()), 0
                while (chunk := await asyncio.wait_for(anext(chunks, None), SILENCE)) is not None:
                    size += len(chunk)
                    if size > MOST_BYTES:
                        raise Refused(413, f"pictures are at most {MOST_BYTES / 1e6:.0f} MB")
                    file.write(chunk)
            upload = await run_in_threadpool(self._storage.add, path, request.query_params.get("name", ""))
        except (TimeoutError, asyncio.TimeoutError, ClientDisconnect):
            raise Refused(408, "the picture did not arrive") from None
        finally:
            with suppress(OSError):
                os.unlink(path)
        return JSONResponse(upload.public(), 201)

    async def view(self, request: Request) -> Response:
        """A small JPEG file of an upload."""
        upload = self._storage.upload(request.path_params["number"])
        return FileResponse(upload.view, headers={"Cache-Control": "private, max-age=86400"})

    async def preview(self, request: Request) -> Response:
        """The preview of a request; an older request that still waits is dropped."""
        asked = await _asked(request)
        try:
            picture = await run_in_threadpool(self._queue.preview, asked)
        except Superseded:
            raise Refused(409, "there is a newer request") from None
        return Response(picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def paint(self, request: Request) -> Response:
        """Add a picture to the queue."""
        asked = await _asked(request)
        return JSONResponse({"number": await run_in_threadpool(self._queue.add, asked)}, 201)

    async def details(self, request: Request) -> Response:
        """The details of a picture, with its messages; see PictureQueue.details."""
        return JSONResponse(self._queue.details(request.path_params["number"]))

    async def stop(self, request: Request) -> Response:
        """Stop painting a picture and save it, or remove it from the queue."""
        return await self._done(self._queue.stop, request)

    async def resume(self, request: Request) -> Response:
        """Continue a stopped picture."""
        return await self._done(self._queue.resume, request)

    async def remove(self, request: Request) -> Response:
        """Delete a picture."""
        return await self._done(self._queue.remove, request)

    async def _done(self, method, request):
        await run_in_threadpool(method, request.path_params["number"])
        return JSONResponse({})

    async def current(self, request: Request) -> Response:
        """A picture as it is while it is painted; once it is done, the result."""
        picture = self._queue.pictures[request.path_params["number"]]
        if (progress := picture.progress) is None:
            path = self._storage.path(picture.stem, ".jpg")
            if not os.path.isfile(path):
                raise Refused(404, "there is no picture yet")
            return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "no-store"})
        return Response(progress.picture, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def picture(self, request: Request) -> Response:
        """The file of a picture, or a copy in another format."""
        picture, kind = self._queue.pictures[request.path_params["number"]], request.path_params["kind"]
        path = self._storage.path(picture.stem, kind) if kind in KINDS else ""
        if not os.path.isfile(path):
            raise Refused(404, "there is no such picture")
        name = {"filename": f"{picture.stem}{kind}"} if "download" in request.query_params else {}
        return FileResponse(path, media_type=KINDS[kind], headers={"Cache-Control": "no-store"}, **name)

    async def events(self, request: Request) -> Response:
        """Server-sent events: {"pictures": the list, if it has changed; "running": what is being painted, or null}."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self):
        seen, structure = None, None
        while True:
            if seen == self._changes.number:
                await self._changes.wait(PULSE)
            seen, current = self._changes.number, self._queue.current
            news = {"running": current and current.running()}
            if structure != self._queue.structure:
                structure = self._queue.structure
                news["pictures"] = [picture.summary() for picture in list(self._queue.pictures.values())]
            yield f"data: {json.dumps(news)}\n\n"
            await asyncio.sleep(PAUSE)


async def _asked(request):
    """The JSON of a request for a picture or a preview, checked. Raises Refused."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_REQUEST:
            raise Refused(413, "the request is too long")
    try:
        asked = json.loads(body, parse_constant=lambda name: {}[name])  # neither NaN nor Infinity
        words = [asked["content"], *(asked.get(name, "") for name in ("preset", "quality", "network"))]
        words += [word for style in asked["styles"] for word in (style["picture"], style.get("mask", ""))]
        numbers = [style.get("weight", 1) for style in asked["styles"]]
        values = list(asked.get("settings", {}).values())
        right = all(word is None or isinstance(word, str) for word in words) and all(
            isinstance(each, int | float) for each in numbers
        )
        right = right and bool(numbers) and all(isinstance(value, str | int | float) for value in values)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        right = False
    if not right:
        raise Refused(400, "choose a photograph and a painting")
    return asked


def _refused(request, error):
    return JSONResponse({"error": str(error)}, error.status)


def _unknown(request, error):
    return JSONResponse({"error": "there is no such picture"}, 404)


def _wrong(request, error):
    return JSONResponse({"error": str(error)}, 422)


def _failed(request, error):
    return JSONResponse({"error": f"the server cannot do this: {error.strerror or error}"}, 507)
