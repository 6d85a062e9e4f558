"""The web process: gateway, board and metrics as one application.

It reads the store; it writes the log (what is pushed) and the store's keys, users, sessions and
links, and nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboards import board, sign_in
from dashboards import demo as demo_page
from dashboards.access import Access
from dashboards.metrics import metrics_route
from dashboards.reports import web as reports
from streams.gateway.gateway import Gateway
from streams.gateway.limits import Limits
from streams.log import open_log
from streams.sealing import load_sealer
from streams.settings import Settings
from streams.store.store import open_store


def create_web(
    settings: Settings, limits: Limits | None = None, demo: Path | None = None
) -> Starlette:
    """The application of one deployment; log, store and master key are made where missing.

    Its lifespan closes what it opened. `limits` bounds what the gateway takes. `demo`: the file in
    which a simulation says what it plants, shown at `/demo`. Raises what `open_store`, `open_log`
    and `load_sealer` raise.
    """
    sealer = load_sealer(settings.data)
    store = open_store(settings.store)
    log = open_log(settings.broker)
    log.ensure_topics(settings.topics())
    registry = CollectorRegistry()
    gateway = Gateway(
        store=store,
        log=log,
        sealer=sealer,
        partitions=settings.partitions(),
        registry=registry,
        limits=limits,
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            gateway.close()
            log.close()
            store.close()

    return Starlette(
        routes=[
            *gateway.routes(),
            *sign_in.routes(store),
            *board.routes(store, settings, log),
            *reports.routes(store, settings),
            metrics_route(store, settings, registry, log),
            *(demo_page.routes(store, demo) if demo else ()),
        ],
        middleware=[Middleware(Access, store=store)],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if not request.url.path.startswith("/v1/"):
        return await board.http_error(request, error)
    code = "method_not_allowed" if error.status_code == 405 else "no_such_route"
    return JSONResponse({"code": code, "message": error.detail}, error.status_code, error.headers)
