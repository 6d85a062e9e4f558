"""The web process: gateway, board and metrics as one application.

It reads the store; it writes the log (what is pushed, and canaries) and, in the store, what people
do (sessions, keys, the workflow of signals, the audit trail), and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dashboards import board, choosing, oidc, sign_in
from dashboards import demo as demo_page
from dashboards.access import Access
from dashboards.board.returning import Returning
from dashboards.books import Books
from dashboards.language import Language
from dashboards.metrics import metrics_route, parts_route
from dashboards.provider import Provider
from dashboards.registration import read_registration
from dashboards.reports import web as reports
from dashboards.self_test import SelfTest
from schemas.errors import StoreError
from streams.agents.replay import replay
from streams.gateway.canary import Canaries
from streams.gateway.gateway import Gateway
from streams.gateway.limits import Limits, TokenBuckets
from streams.log import open_log
from streams.master_key import load_sealer
from streams.settings import Settings
from streams.signing import ENVIRONMENT, load_signer
from streams.store import heads
from streams.store.store import open_store

logger = logging.getLogger("ketavigil.web")

LOOKING = 1.0  # seconds between looks at what has ended
SIGNING = 600.0  # seconds between looks at whether a day is over whose trail is to be signed
NOTING = 30.0  # seconds between notes of which keys were used


def create_web(
    settings: Settings, limits: Limits | None = None, demo: Path | None = None
) -> Starlette:
    """The application of one deployment; log, store and master key are made where missing.

    Its lifespan closes what it opened. `limits` bounds what the gateway takes. `demo`: the file in
    which a simulation says what it plants, shown at `/demo`. Raises what `open_store`, `open_log`,
    `load_sealer` and `read_registration` raise.
    """
    registered = read_registration()
    sealer = load_sealer(settings.data)
    books = Books(settings)
    store = open_store(settings.store, sealer=sealer)
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
        others={"board": lambda: books.filled},
    )

    own = limits or Limits()
    buckets = TokenBuckets(own.page_rate, own.page_burst)
    returning = Returning(store, books.seriousness)
    test = SelfTest(store, settings)
    canaries = Canaries(log, sealer, settings.partitions())

    signer = load_signer(settings.data)
    if signer is None:
        logger.warning("no key to sign heads of the audit trail: set %s", ENVIRONMENT)

    def sign() -> None:
        if signer is not None:
            heads.sign_due(store, signer)

    def send(rows: Sequence[Any]) -> None:
        replay(settings, log, sealer, rows)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        stop = asyncio.Event()
        sending = asyncio.create_task(canaries.run(settings.canary_seconds, stop))
        loops = (
            _again(returning.look, LOOKING),
            _again(lambda: books.look(store), LOOKING),
            _again(gateway.write_uses, NOTING),
            _again(sign, SIGNING),
            test.run(),
        )
        others = [asyncio.create_task(one) for one in loops]
        try:
            yield
        finally:
            for task in others:
                task.cancel()
            stop.set()
            await asyncio.gather(*others, sending, return_exceptions=True)
            with suppress(StoreError):
                gateway.write_uses()
            gateway.close()
            log.close()
            store.close()

    return Starlette(
        routes=[
            *gateway.routes(),
            *oidc.routes(store, Provider(registered) if registered else None),
            *sign_in.routes(store, registered.label if registered else ""),
            *choosing.routes(),
            *board.routes(store, settings, log, returning, test=test, books=books, send=send),
            *reports.routes(store, settings),
            metrics_route(store, settings, registry, log, test),
            parts_route(gateway.ready),
            *(demo_page.routes(store, demo) if demo else ()),
        ],
        middleware=[Middleware(Language), Middleware(Access, store=store, buckets=buckets)],
        exception_handlers={HTTPException: _http_error},
        lifespan=lifespan,
    )


async def _again(work: Callable[[], object], seconds: float) -> None:
    """Do something again and again; a store that is away is waited for."""
    away = False
    while True:
        try:
            await run_in_threadpool(work)
            away = False
        except StoreError as error:
            if not away:
                logger.warning("%s: %s", error.code, error)
            away = True
        await asyncio.sleep(seconds)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if not request.url.path.startswith("/v1/"):
        return await board.http_error(request, error)
    code = "method_not_allowed" if error.status_code == 405 else "no_such_route"
    return JSONResponse({"code": code, "message": error.detail}, error.status_code, error.headers)
