"""The server: ``POST /showers``, ``/model``, ``/health`` and ``/metrics``; import it where FastAPI is installed."""

__all__ = ["create_app"]

import contextlib
import json
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from jaxtyping import Float
from numpy import ndarray as Array
from starlette.background import BackgroundTask
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from caloforge import __version__
from caloforge.data.incident import Incident
from caloforge.deployment.serving.answers import hdf5_file, json_pieces
from caloforge.deployment.serving.asked import Asked, Limits, incident_of
from caloforge.deployment.serving.batcher import Batcher
from caloforge.deployment.serving.counters import Counters
from caloforge.deployment.shower_model import NoiseModel
from caloforge.errors import CaloforgeError, OutsideTraining

ANSWER = "cell energies in MeV, flat order of the mesh of `/model`; JSON, or an HDF5 file of showers"
_BUSY = "too many showers are waiting; ask again in a second"


def create_app(model: NoiseModel, limits: Limits | None = None) -> FastAPI:
    """The application, for any ASGI server.

    Args:
        model: that makes the showers.
        limits: of requests.
    """
    bounds, counters = limits or Limits(), Counters()
    batcher = Batcher(model, bounds.batch, bounds.wait, counters)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with batcher:
            yield

    app = FastAPI(title="caloforge", version=__version__, description=f"Showers of {model.name}", lifespan=lifespan)
    app.add_middleware(_Gate, counters=counters, body=bounds.body)
    app.add_exception_handler(CaloforgeError, _refused)
    app.add_exception_handler(RequestValidationError, _unreadable)

    async def blocks(incident: Incident, seed: int) -> AsyncIterator[Float[Array, "n V"]]:
        left = len(incident)
        counters.waiting += left
        try:
            for number, start in enumerate(range(0, len(incident), model.block)):
                part = incident[start : start + model.block]
                yield await batcher.sample(part, seed, number)
                counters.waiting -= len(part)
                left -= len(part)
        finally:
            counters.waiting -= left

    @app.post("/showers", summary="Showers for given particles", response_description=ANSWER)
    async def showers(asked: Asked) -> Response:
        incident = incident_of(asked, model.trained, bounds.showers)
        if counters.waiting + len(incident) > bounds.waiting:
            return JSONResponse({"detail": _BUSY}, 503, {"Retry-After": "1"})
        made = blocks(incident, asked.seed)
        if asked.format == "hdf5":
            folder = tempfile.TemporaryDirectory(prefix="caloforge-")  # removed when the answer is sent
            path = Path(folder.name, "showers.h5")
            try:
                await hdf5_file(model, incident, asked.seed, made, path)
            except BaseException:
                folder.cleanup()
                raise
            clean = BackgroundTask(folder.cleanup)
            return FileResponse(path, media_type="application/x-hdf5", filename="showers.h5", background=clean)
        pieces = json_pieces(model, incident, asked.seed, made)
        first = await anext(pieces)  # a fault of the model is an error of its own, not half an answer
        return StreamingResponse(_after(first, pieces), media_type="application/json")

    @app.get("/model", summary="What the model is and was trained on")
    async def about() -> dict[str, Any]:
        trained = model.trained
        return {
            "model": model.name,
            "sha256": model.facts.get("sha256"),
            "detector": model.detector,
            "particles": list(trained.particles),
            "energy_mev": list(trained.energy),
            "theta_rad": list(trained.theta),
            "phi_rad": list(trained.phi),
            "cells": model.binning.n_voxels,
            "binning_xml": model.binning.to_xml(),
            "most_showers": bounds.showers,
        }

    @app.get("/health", summary="Whether the server answers")
    async def health() -> dict[str, str]:
        return {"status": "ok", "model": model.name}

    @app.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> str:
        return counters.text

    return app


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece


async def _refused(request: Request, error: Exception) -> Response:
    sentence = error.warning if isinstance(error, OutsideTraining) else str(error)
    return JSONResponse({"detail": sentence}, 422)


async def _unreadable(request: Request, error: Exception) -> Response:
    """The first fault of a body, as one sentence."""
    fault = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
    place = ".".join(str(part) for part in fault["loc"] if part != "body") or "body"
    return JSONResponse({"detail": f"{place}: {fault['msg']}"}, 422)


class _Gate:
    """Refuses bodies that are too large before they are read, and counts every request until its answer is sent.

    Args:
        app: behind it.
        counters: told of every request.
        body: most bytes.
    """

    def __init__(self, app: ASGIApp, counters: Counters, body: int) -> None:
        self.app, self.counters, self.body = app, counters, body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status, size = time.perf_counter(), 500, 0
        announced = dict(scope["headers"]).get(b"content-length", b"0")
        over = not announced.isdigit() or int(announced) > self.body

        async def counted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        async def send_unless_over(message: Message) -> None:
            if not over:
                await counted_send(message)

        async def counted_receive() -> Message:
            nonlocal size, over
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.body:
                over = True
                raise _TooLarge
            return message

        try:
            if not over:
                with contextlib.suppress(_TooLarge):
                    await self.app(scope, counted_receive, send_unless_over)
            if over:
                text = json.dumps({"detail": f"the request is larger than {self.body} bytes: ask in parts"}).encode()
                head = [(b"content-type", b"application/json"), (b"connection", b"close")]
                await counted_send({"type": "http.response.start", "status": 413, "headers": head})
                await counted_send({"type": "http.response.body", "body": text})
        finally:
            self.counters.request(status, time.perf_counter() - start)


class _TooLarge(Exception):
    """A body beyond the limit."""
