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
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from brushwork.errors import PictureError
from brushwork.studio import clips, requests
from brushwork.studio.answers import refusal
from brushwork.studio.connections import body
from brushwork.studio.previews import Superseded
from brushwork.studio.queue import PictureQueue
from brushwork.studio.refusals import Missing, Refused, answer
from brushwork.studio.security import SecurityMiddleware
from brushwork.studio.storage import LAST, Storage
from brushwork.studio.uploads import MOST_BYTES, ROLES

PAGE = Path(__file__).parent / "page"
MOST_REQUEST = 200_000  # bytes of a request that is not an upload
ADDED_AT_ONCE, MOST_ARRIVING = 2, 64  # uploads that are read at once, and that arrive or wait
PREVIEWS_AT_ONCE = 8  # that wait in threads
PAUSE, PULSE = 0.1, 15.0  # s between two events: at least, and at most
KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".tif": "image/tiff", ".mp4": "video/mp4"}
FRESH = {"Cache-Control": "no-store"}


class Changes:
    """Wakes the streams of events after a change. Each then reads the newest state; changes are not queued."""

    def __init__(self):
        self.number, self.uploads, self.ended, self._loop, self._event = 0, 0, False, None, None

    def begin(self) -> None:
        """Start to take notifications; called in the event loop."""
        self._loop, self._event = asyncio.get_running_loop(), asyncio.Event()

    def end(self) -> None:
        """End all streams; called in the event loop."""
        self.ended = True
        self._wake()

    def notify(self) -> None:
        """Wake the streams; called from any thread."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._wake)

    def notify_uploads(self) -> None:
        """Wake the streams because the uploads have changed; called from any thread."""
        self.uploads += 1
        self.notify()

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
        self._adding, self._arriving = asyncio.Semaphore(ADDED_AT_ONCE), 0
        self._previewing = asyncio.Semaphore(PREVIEWS_AT_ONCE)

    def app(self, *, hosts: set[str] | None, token: str | None, ended: Callable[[str | None], None]) -> Starlette:
        """The ASGI application. hosts, token: see SecurityMiddleware.

        ended(path): called at its end with the picture that was being painted, or None.
        """

        @asynccontextmanager
        async def life(app):
            self._changes.begin()
            yield
            ended(await run_in_threadpool(self._queue.close))

        handled = (Refused, KeyError, ValueError, PictureError, OSError, HTTPException)
        security = Middleware(SecurityMiddleware, hosts=hosts, token=token)
        errors = dict.fromkeys(handled, _refuse)
        app = Starlette(routes=self._routes(), exception_handlers=errors, middleware=[security], lifespan=life)
        app.router.redirect_slashes = False  # its redirects are to absolute addresses
        return app

    def end(self) -> None:
        """End the streams of events, and the preview that is being made."""
        self._changes.end()
        self._queue.previews.stop()

    def _routes(self):
        upload, picture = "/api/uploads/{number}", "/api/pictures/{number}"
        return [
            Route("/", lambda request: FileResponse(PAGE / "index.html", headers={"Cache-Control": "no-cache"})),
            Route("/api/form", self.form),
            Route("/api/events", self.events),
            Route("/api/uploads", self.uploads),
            Route("/api/uploads", self.upload, methods=["POST"]),
            Route(upload, self.use_upload, methods=["POST"]),
            Route(upload, self.remove_upload, methods=["DELETE"]),
            Route(f"{upload}/view", self.view),
            Route("/api/preview", self.preview, methods=["POST"]),
            Route("/api/estimate", self.estimate, methods=["POST"]),
            Route("/api/pictures", self.pictures),
            Route("/api/pictures", self.paint, methods=["POST"]),
            Route(picture, self.details),
            Route(picture, self.remove, methods=["DELETE"]),
            Route(f"{picture}/stop", self.stop, methods=["POST"]),
            Route(f"{picture}/continue", self.resume, methods=["POST"]),
            Route(f"{picture}/current", self.current),
            Route(f"{picture}/last.jpg", self.last),
            Route(f"{picture}/picture{{kind}}", self.picture),
            Mount("/page", StaticFiles(directory=PAGE)),
        ]

    async def form(self, request: Request) -> Response:
        """What the page makes its dials and fields from."""
        return JSONResponse(self._form | {"folder": str(self._storage.folder)})

    async def uploads(self, request: Request) -> Response:
        """All uploads and examples."""
        return JSONResponse([upload.public() for upload in self._storage.uploads.all()])

    async def upload(self, request: Request) -> Response:
        """Receive a picture or a clip, the body of the request; its name and its role are in the query."""
        role = request.query_params.get("role")
        if role not in (None, *ROLES):
            raise Refused(400, f"the role must be one of {', '.join(ROLES)}")
        if self._arriving >= MOST_ARRIVING:
            raise Refused(429, "too many pictures at once; try again")
        self._arriving += 1
        try:
            upload = await self._receive(request, role)
        finally:
            self._arriving -= 1
        public = upload.public()
        if role == "mask":
            public["is_empty"] = await run_in_threadpool(self._storage.uploads.is_empty, upload.number)
        return JSONResponse(public, 201)

    async def _receive(self, request, role):
        """The Upload in the body of a request."""
        uploads, name = self._storage.uploads, request.query_params.get("name", "")
        file, path = uploads.temporary()
        most = clips.MOST_BYTES if clips.is_named_as_clip(name) else MOST_BYTES
        try:
            with file:
                async for part in body(request, most):
                    file.write(part)
            async with self._adding:
                return await run_in_threadpool(uploads.add, path, name, role)
        finally:
            with suppress(OSError):
                os.unlink(path)

    async def use_upload(self, request: Request) -> Response:
        """Record that an upload is used in a role."""
        given = await _json(request)
        role = given.get("role") if isinstance(given, dict) else None
        if role not in ROLES:
            raise Refused(400, f"the role must be one of {', '.join(ROLES)}")
        upload = await run_in_threadpool(self._storage.uploads.add_role, request.path_params["number"], role)
        return JSONResponse(upload.public())

    async def remove_upload(self, request: Request) -> Response:
        """Delete an upload."""
        return await self._done(self._queue.remove_upload, request)

    async def view(self, request: Request) -> Response:
        """A small JPEG file of an upload."""
        upload = self._storage.uploads.find(request.path_params["number"])
        return FileResponse(upload.view, headers={"Cache-Control": "private, max-age=86400"})

    async def preview(self, request: Request) -> Response:
        """The preview of a request; an older request that still waits is dropped."""
        asked = await _asked(request)
        try:
            async with self._previewing:
                picture = await run_in_threadpool(self._queue.previews.make, asked)
        except Superseded:
            raise Refused(409, "there is a newer request") from None
        return Response(picture, media_type="image/jpeg", headers=FRESH)

    async def estimate(self, request: Request) -> Response:
        """Size and time of a picture before it is painted."""
        asked = await _asked(request)
        return JSONResponse(await run_in_threadpool(self._queue.estimate, asked))

    async def pictures(self, request: Request) -> Response:
        """All pictures that were requested, the oldest first."""
        return JSONResponse(self._summaries())

    async def paint(self, request: Request) -> Response:
        """Add a picture to the queue."""
        asked = await _asked(request)
        return JSONResponse({"number": await run_in_threadpool(self._queue.add, asked)}, 201)

    async def details(self, request: Request) -> Response:
        """The details of a picture, with its messages; see QueuedPicture.details."""
        return JSONResponse(self._named(request).details(self._storage))

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

    def _named(self, request):
        """The picture whose number is in the address. Raises KeyError."""
        return self._queue.pictures[request.path_params["number"]]

    async def current(self, request: Request) -> Response:
        """A picture as it is while it is painted; later the result, or what was shown last.

        Of a film, the last finished frame; later the first one, or what was shown last.
        """
        picture = self._named(request)
        if (progress := picture.progress) is not None:
            return Response(progress.picture, media_type="image/jpeg", headers=FRESH)
        for kind in (LAST, ".jpg") if picture.is_incomplete_film else (".jpg", ".png"):
            if path := picture.path(self._storage, kind):
                return FileResponse(path, media_type=KINDS[f".{kind.rpartition('.')[2]}"], headers=FRESH)
        return await self.last(request)

    async def last(self, request: Request) -> Response:
        """What was shown last of a picture that could not be saved."""
        picture, name = self._named(request), {}
        if "download" in request.query_params:
            name = {"filename": f"{picture.stem}-preview.jpg"}
        if path := picture.path(self._storage, LAST):
            return FileResponse(path, media_type=KINDS[".jpg"], headers=FRESH, **name)
        if picture.preview is None:
            raise Missing("there is no picture yet")
        disposition = {"Content-Disposition": 'attachment; filename="preview.jpg"'} if name else {}
        return Response(picture.preview, media_type=KINDS[".jpg"], headers=FRESH | disposition)

    async def picture(self, request: Request) -> Response:
        """The file of a picture or a film, or a copy in another format; parts of it if the request has a Range."""
        picture, kind = self._named(request), request.path_params["kind"]
        path = picture.path(self._storage, kind) if kind in KINDS else None
        if path is None:
            raise Missing
        name = {"filename": f"{picture.stem}{kind}"} if "download" in request.query_params else {}
        return FileResponse(path, media_type=KINDS[kind], headers=FRESH, **name)

    async def events(self, request: Request) -> Response:
        """Server-sent events: JSON with what is "running", or null, and the list of "pictures" if it has changed.

        "uploads" and "estimates" are numbers that grow when these change. The last event has "ended" alone.
        """
        headers = FRESH | {"X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(), media_type="text/event-stream", headers=headers)

    async def _stream(self):
        seen, structure = None, None
        while not self._changes.ended:
            if seen == self._changes.number:
                await self._changes.wait(PULSE)
            seen, current = self._changes.number, self._queue.current
            news = {"running": current and current.running(), "uploads": self._changes.uploads}
            news["estimates"] = self._queue.estimates.number
            if structure != self._queue.structure:
                structure = self._queue.structure
                news["pictures"] = self._summaries()
            yield f"data: {json.dumps(news)}\n\n"
            await asyncio.sleep(PAUSE)
        yield f"data: {json.dumps({'ended': True})}\n\n"

    def _summaries(self):
        return [picture.summary() for picture in list(self._queue.pictures.values())]


async def _json(request):
    """The JSON in the body of a request; {} for what is no JSON."""
    text = b"".join([part async for part in body(request, MOST_REQUEST)])
    try:
        return json.loads(text, parse_constant=lambda name: {}[name])  # neither NaN nor Infinity
    except (ValueError, KeyError, RecursionError):
        return {}


async def _asked(request):
    """The JSON of a request for a picture or a preview, checked. Raises Refused."""
    asked = await _json(request)
    try:
        words = [asked["content"], *(asked.get(name, "") for name in ("preset", "quality", "network"))]
        words += [word for style in asked["styles"] for word in (style["picture"], style.get("mask", ""))]
        numbers = [style.get("weight", 1) for style in asked["styles"]]
        values = list(asked.get("settings", {}).values())
        right = all(word is None or isinstance(word, str) for word in words) and all(
            isinstance(each, int | float) for each in numbers
        )
        right = right and bool(numbers) and all(isinstance(value, str | int | float) for value in values)
    except (ValueError, TypeError, KeyError, AttributeError):
        right = False
    if not right:
        raise Refused(400, "choose a photograph and a painting")
    return asked


async def _refuse(request, error):
    """The response to a request that is refused or cannot be carried out."""
    if isinstance(error, HTTPException):
        error = Refused(error.status_code, {404: "there is no such page"}.get(error.status_code, error.detail))
    return refusal(request.headers, *answer(error))
