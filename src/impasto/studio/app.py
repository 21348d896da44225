"""The studio's HTTP interface, which its page uses and scripts may: docs/studio.md describes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from impasto import atomic
from impasto.errors import ImageError, ImpastoError
from impasto.paintings import PAINTINGS
from impasto.studio.bodies import chunks_of, failed, json_of, refused
from impasto.studio.form import form, sample
from impasto.studio.intake import Intake
from impasto.studio.job import Job
from impasto.studio.jobs import Jobs, QueueFullError
from impasto.studio.news import Answer, News
from impasto.studio.orders import Order, parse
from impasto.studio.pictures import Pictures, Upload
from impasto.studio.shown import DEEP, convert, settings, style_thumbnail, thumbnail

SWEEP = 600.0  # seconds between two looks for pictures that are a day old
KINDS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp", "tiff": "image/tiff"}
TYPES = {".html": "text/html", ".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}
FOLDER = resources.files("impasto.studio").joinpath("page")
PAGE = {
    name: TYPES[Path(name).suffix] for name in (file.name for file in FOLDER.iterdir()) if Path(name).suffix in TYPES
}


class Studio:
    """The handlers, and what they share."""

    def __init__(self, folder: Path, jobs: Jobs, pictures: Pictures) -> None:
        self.folder, self.jobs, self.pictures = folder, jobs, pictures
        self._decoding = asyncio.Semaphore(1)  # pictures one at a time: each may take a gigabyte
        self._drawing = asyncio.Semaphore(1)  # of what the page shows small
        self.intake = Intake(pictures, self._decoding)
        self._news = News()
        self._answers: set[Answer] = set()
        self._form: dict[str, Any] | None = None

    def application(self) -> Starlette:
        """The routes."""
        routes = [
            Route("/", self.page),
            Route("/page/{name}", self.page),
            Route("/api/form", self.form),
            Route("/api/styles/{name}", self.style),
            Route("/api/samples/{name}", self.sample_shown),
            Route("/api/samples/{name}", self.take_sample, methods=["POST"]),
            Route("/api/pictures", self.upload, methods=["POST"]),
            Route("/api/pictures/{id}", self.picture_shown),
            Route("/api/pictures/{id}/file", self.picture_file),
            Route("/api/recipes", self.recipe, methods=["POST"]),
            Route("/api/estimates", self.estimate, methods=["POST"]),
            Route("/api/jobs", self.add, methods=["POST"]),
            Route("/api/jobs/{id}", self.told),
            Route("/api/jobs/{id}", self.stop, methods=["DELETE"]),
            Route("/api/jobs/{id}/events", self.events),
            Route("/api/jobs/{id}/preview", self.preview),
            Route("/api/jobs/{id}/picture.{kind}", self.finished),
        ]
        errors: dict[Any, Any] = {ImpastoError: refused, HTTPException: failed}
        return Starlette(routes=routes, exception_handlers=errors, lifespan=self._life)

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        self._news.loop = asyncio.get_running_loop()
        self.jobs.watch(self._news.changed)
        sweeping = asyncio.create_task(self._sweep())
        yield
        sweeping.cancel()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            await run_in_threadpool(self.pictures.sweep)
            await run_in_threadpool(self.jobs.sweep)
            os.utime(self.folder)  # it is in use: see `serve`

    def closing(self) -> None:
        """Ends what waits for news, so that the server can close in good order."""
        self._news.close()
        for answer in self._answers:
            answer.give("told when the studio is open")

    async def page(self, request: Request) -> Response:
        """A file of the page, by its name."""
        name = request.path_params.get("name", "index.html")
        if name not in PAGE:
            raise HTTPException(404, "there is no such page")
        data = FOLDER.joinpath(name).read_bytes()
        return Response(data, media_type=PAGE[name], headers={"Cache-Control": "no-cache"})

    async def form(self, _: Request) -> Response:
        """Options, presets, styles and samples."""
        self._form = self._form or form()
        return JSONResponse(self._form)

    async def style(self, request: Request) -> Response:
        """A built-in style, small."""
        name = request.path_params["name"]
        if name not in PAINTINGS:
            raise HTTPException(404, "there is no such style")
        return await self._small(f"style-{name}.jpg", lambda: style_thumbnail(name))

    async def sample_shown(self, request: Request) -> Response:
        """A sample photograph, small."""
        file = _sample(request)
        return await self._small(f"sample-{file.stem}.jpg", lambda: thumbnail(file))

    async def take_sample(self, request: Request) -> Response:
        """Takes a sample as if it had been uploaded."""
        data = _sample(request).read_bytes()

        async def whole() -> AsyncIterator[bytes]:
            yield data

        return JSONResponse((await self.intake.taken(whole())).facts, 201)

    async def upload(self, request: Request) -> Response:
        """Takes the picture that is the body of the request."""
        return JSONResponse((await self.intake.taken(chunks_of(request))).facts, 201)

    async def picture_shown(self, request: Request) -> Response:
        """An uploaded picture, small."""
        return FileResponse(_known(self.pictures.get, request).small, media_type="image/jpeg")

    async def picture_file(self, request: Request) -> Response:
        """An uploaded picture as it came, to be kept: a browser shows nothing of it."""
        file = _known(self.pictures.get, request).file
        headers = {"Content-Disposition": "attachment"}  # without a name: the page's link gives it one
        return FileResponse(file, media_type="application/octet-stream", headers=headers)

    async def recipe(self, request: Request) -> Response:
        """The settings inside a picture of Impasto's; the picture itself is not kept."""
        from impasto.recipe import read_recipe
        from impasto.remake import check_recipe, file_hashes
        from impasto.styles import kept_styles

        file = await self.intake.received(chunks_of(request))
        try:
            recipe: dict[str, Any] = await run_in_threadpool(read_recipe, file)
            check_recipe(recipe, "this picture")
        except ImageError:
            raise ImageError("this picture holds no recipe of Impasto's") from None
        finally:
            file.unlink(missing_ok=True)
        known = await run_in_threadpool(kept_styles)
        found = [known.get(digest) or _id(self.pictures.by_hash(digest)) for digest in recipe["styles"]]
        content = self.pictures.by_hash(recipe["content"] or "")
        masks = [_id(self.pictures.by_hash(one)) for one in file_hashes(recipe["options"].get("content_mask"))]
        facts = {"options": settings(recipe), "content": content and content.facts, "styles": found, "masks": masks}
        return JSONResponse(facts)

    async def estimate(self, request: Request) -> Response:
        """What an order will take here."""
        order = await self._order(request)
        answer, loop = Answer(), asyncio.get_running_loop()
        self.jobs.estimate(order, lambda facts: loop.call_soon_threadsafe(answer.give, facts))
        self._answers.add(answer)
        try:
            facts = await answer.given
        finally:
            self._answers.discard(answer)
        return JSONResponse(facts if isinstance(facts, dict) else {"untold": facts})

    async def add(self, request: Request) -> Response:
        """Puts an order into the queue."""
        order = await self._order(request)
        try:
            self.pictures.check_room()
            job = self.jobs.add(order)
        except OSError as error:
            raise HTTPException(507, f"the studio's disk takes no more: {error.strerror}") from None
        except QueueFullError:
            raise HTTPException(429, "the queue is full: wait until a picture is done, or stop one") from None
        return JSONResponse(self._facts(job), 201, headers={"Location": f"/api/jobs/{job.id}"})

    async def told(self, request: Request) -> Response:
        """How a job stands."""
        return JSONResponse(self._facts(_known(self.jobs.get, request)))

    async def stop(self, request: Request) -> Response:
        """Stops a job; one that has ended stays as it is."""
        job = _known(self.jobs.get, request)
        await run_in_threadpool(self.jobs.stop, job)
        return Response(status_code=204)

    async def events(self, request: Request) -> Response:
        """How a job stands, told anew whenever there is something new: server-sent events, the newest state wins."""
        job = _known(self.jobs.get, request)
        return StreamingResponse(self._news.lines(job, self._facts), media_type="text/event-stream")

    async def preview(self, request: Request) -> Response:
        """The newest preview of a job."""
        job = _known(self.jobs.get, request)
        if job.preview is None:
            raise HTTPException(404, "there is nothing to see yet")
        return Response(job.preview, media_type="image/jpeg")

    async def finished(self, request: Request) -> Response:
        """The picture of a job that has ended, in a format."""
        job, kind = _known(self.jobs.get, request), request.path_params["kind"]
        if kind not in KINDS:
            raise HTTPException(404, f"expected one of {', '.join(KINDS)}")
        if job.picture is None:
            raise HTTPException(404, "there is no finished picture")
        file = job.folder / f"picture.{kind}"
        if kind == "tiff":
            await self._written(file)
        elif not file.is_file():
            try:
                async with self._decoding:
                    await run_in_threadpool(convert, job.picture, file, job.facts["recipe"])
            except (OSError, ImageError):
                raise HTTPException(404, "it is not there any more") from None
        headers = {"Content-Disposition": f'attachment; filename="impasto.{kind}"'}
        return FileResponse(file, media_type=KINDS[kind], headers=headers)

    async def _written(self, file: Path) -> None:
        """Waits for what the painter writes last."""
        if not DEEP:
            raise HTTPException(404, "TIFF of 16 bits needs tifffile: pip install 'impasto[huge]'")
        for _ in range(300):
            if file.is_file():
                return
            await asyncio.sleep(0.1)
        raise HTTPException(404, "there is no TIFF of it")

    def _facts(self, job: Job) -> dict[str, Any]:
        """What is told of a job."""
        return {
            "id": job.id, "state": job.state, "place": self.jobs.place(job), "previews": job.previews,
            "error": job.error, "stopping": job.stopping is not None, "finished": job.picture is not None,
            "deep": DEEP, "made": job.made, **job.facts,
        }  # fmt: skip

    async def _order(self, request: Request) -> Order:
        data = await json_of(request)
        return await run_in_threadpool(parse, data, self.pictures.used, self._picture_of)

    def _picture_of(self, name: str) -> Path:
        picture = self.jobs.get(name).picture
        if picture is None:
            raise KeyError(name)
        return picture

    async def _small(self, name: str, make: Callable[[], bytes]) -> Response:
        """A JPEG that is made once."""
        file = self.folder / name
        if not file.is_file():
            async with self._drawing:
                await run_in_threadpool(lambda: atomic.write(file, make()))
        return FileResponse(file, media_type="image/jpeg", headers={"Cache-Control": "max-age=3600"})


def _known(get: Callable[[str], Any], request: Request) -> Any:
    try:
        return get(request.path_params["id"])
    except KeyError:
        raise HTTPException(404, "it is not there, or not any more") from None


def _id(upload: Upload | None) -> str | None:
    return None if upload is None else upload.id


def _sample(request: Request) -> Path:
    try:
        file = sample(request.path_params["name"])
    except KeyError:
        file = None
    if file is None:
        raise HTTPException(404, "there is no such sample")
    return file
