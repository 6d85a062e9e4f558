"""The one check of who is asking, which every request passes."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import time
import traceback
from collections.abc import Mapping
from typing import Final, Literal, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.language import _
from dashboards.people import ROLES
from dashboards.sessions import NARRATIVES, PATIENT_LEVEL, Viewer, viewer_of
from streams.store.store import Store

logger = logging.getLogger("ketavigil.web")

COOKIE = "ketavigil_session"

Who = Literal["anyone", "key"] | frozenset[str]
ANYONE: Final = "anyone"
BY_KEY: Final = "key"  # the gateway checks the sender's key itself
PEOPLE = frozenset[str](ROLES)
OFFICERS = frozenset({"officer"})  # who decide
OVERSIGHT = frozenset({"officer", "admin"})
ADMINS = frozenset({"admin"})
PATIENT_ROWS = frozenset({PATIENT_LEVEL})  # officers have it, others by grant
NARRATIVE_READERS = frozenset({NARRATIVES})  # by grant alone

# Every route of the web process, and who may use it: somebody with one of the grants named. What is
# not here is denied to all. Pages of PEOPLE leave out rows of single patients where the viewer has
# no PATIENT_LEVEL. /metrics holds no patient data, only counts and pairs, and Prometheus has no
# session.
TABLE: dict[str, Who] = {
    "/healthz": ANYONE,
    "/readyz": ANYONE,
    "/metrics": ANYONE,
    "/metrics/parts": ANYONE,
    "/static": ANYONE,
    "/language": ANYONE,
    "/sign-in": ANYONE,
    "/sign-in/oidc": ANYONE,
    "/sign-in/oidc/answer": ANYONE,
    "/sign-in/{token}": ANYONE,
    "/sign-out": PEOPLE,
    "/v1/openapi.json": ANYONE,
    "/v1/reports": BY_KEY,
    "/v1/followups": BY_KEY,
    "/v1/receipts/{receipt_id}": BY_KEY,
    "/v1/signals": PEOPLE,
    "/v1/signals/{number:int}": PEOPLE,
    "/v1/signals/{number:int}/report": PEOPLE,
    "/": PEOPLE,
    "/inbox/events": PEOPLE,
    "/inbox.csv": PEOPLE,
    "/events": PEOPLE,
    "/silence": PEOPLE,
    "/silence.csv": PEOPLE,
    "/cohort": PEOPLE,
    "/cohort/{event:path}": PEOPLE,
    "/cases/{number:int}": PATIENT_ROWS,
    "/cases/{number:int}/narrative": NARRATIVE_READERS,
    "/courses": PATIENT_ROWS,
    "/courses/{number:int}": PATIENT_ROWS,
    "/health": PEOPLE,
    "/health/replay": OVERSIGHT,
    "/self-test": PEOPLE,
    "/signals": PEOPLE,
    "/signals/{number:int}": PEOPLE,
    "/signals/{number:int}/events": PEOPLE,
    "/signals/{number:int}/workflow": OFFICERS,
    "/signals/{number:int}/workflow/now": PEOPLE,
    "/decisions": PEOPLE,
    "/signals/{number:int}/depth": PEOPLE,
    "/signals/{number:int}/cases.csv": PATIENT_ROWS,
    "/signals/{number:int}/looks.csv": PEOPLE,
    "/trail": OVERSIGHT,
    "/trail/heads.ndjson": OVERSIGHT,
    "/accounts": ADMINS,
    "/accounts/unlock": ADMINS,
    "/demo": PEOPLE,
}

# what a page asks for by itself does not keep a session from ending
BY_ITSELF = frozenset(
    {
        "/inbox/events",
        "/events",
        "/signals/{number:int}/events",
        "/signals/{number:int}/workflow/now",
    }
)

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # not no-referrer: browsers would then send "Origin: null" with our own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM = 64 << 10  # bytes that a form of the board may have
FORM_SECONDS = 30.0  # in which it has to arrive
_CLOSE = {"connection": "close"}


class _Number(IntegerConvertor):
    regex = "[0-9]{1,18}"  # a longer one is the number of no row, and no database takes it


register_url_convertor("int", _Number())


class Buckets(Protocol):
    """How often somebody may ask: 0 where a request is fine, or seconds to wait."""

    def wait(self, name: str) -> float:
        """Take one."""


class Access:
    """ASGI middleware: finds the route, asks the table, and lets through or answers itself.

    A request that passes has `request.state.viewer` where somebody signed in. It also puts the
    security headers on every answer, and writes the log of requests: the route's pattern, never
    the path or the query, since those can hold tokens.
    """

    def __init__(
        self,
        app: ASGIApp,
        store: Store,
        table: Mapping[str, Who] = TABLE,
        buckets: Buckets | None = None,
    ) -> None:
        self._app, self._store, self._table, self._buckets = app, store, table, buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
                return
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        status = 0
        pattern = pattern_of(scope["app"].routes, scope)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _secure(MutableHeaders(scope=message), scope, self._table.get(pattern or ""))
            await send(message)

        try:
            await self._dispatch(pattern, scope, receive, sending)
        except Exception as error:
            # no message and no values: they can hold what a record says
            frames = traceback.extract_tb(error.__traceback__)
            places = " < ".join(f"{f.filename}:{f.lineno}" for f in reversed(frames))
            logger.error("%s at %s", type(error).__name__, places)
            if not status:
                answer = _refused(Request(scope), 500, "internal", _("An error of this server."))
                await answer(scope, receive, sending)
        finally:
            milliseconds = 1000 * (time.monotonic() - began)
            # what programs ask all the time is said only where it fails
            quiet = status < 400 and not isinstance(self._table.get(pattern or ""), frozenset)
            logger.log(
                logging.DEBUG if quiet else logging.INFO,
                "%s %s %d %.0f ms",
                scope["method"],
                pattern or "(none)",
                status,
                milliseconds,
            )

    async def _dispatch(
        self, pattern: str | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        request = Request(scope, receive)
        if pattern is None and scope["path"].startswith("/v1/"):
            answer = _refused(request, 404, "no_such_route", "there is no such route")
            await answer(scope, receive, send)
            return
        who = self._table.get(pattern) if pattern is not None else PEOPLE
        scope.setdefault("state", {})["viewer"] = None
        refusal: Response | None = None
        if who != BY_KEY and not isinstance(who, frozenset):
            refusal = self._too_fast(request, None)
        if refusal is not None:
            pass
        elif who is None:
            refusal = _refused(request, 403, "wrong_role", _("This route is not open to anyone."))
        elif isinstance(who, frozenset):
            viewer = await self._viewer(request, uses=pattern not in BY_ITSELF)
            scope["state"]["viewer"] = viewer
            if (refusal := self._too_fast(request, viewer)) is not None:
                pass
            elif viewer is None:
                refusal = _sign_in_first(request)
            elif not viewer.grants & who:
                refusal = _refused(request, 403, "wrong_role", _("Your role may not do this."))
            elif scope["method"] not in _SAFE:
                receive, refusal = await _check_form(request, viewer)
        elif who == ANYONE and scope["method"] not in _SAFE and not same_origin(request.headers):
            refusal = PlainTextResponse(_("This form came from another site."), 403)
        await (refusal or self._app)(scope, receive, send)

    def _too_fast(self, request: Request, viewer: Viewer | None) -> Response | None:
        """Somebody asks too often: by name, or by address where nobody is signed in."""
        host = request.client.host if request.client else ""
        name = f"person {viewer.name}" if viewer else f"address {host}"
        wait = self._buckets.wait(name) if self._buckets else 0.0
        if not wait:
            return None
        refusal = _refused(request, 429, "too_fast", _("Too many requests; wait a little."))
        refusal.headers["retry-after"] = str(max(1, math.ceil(min(wait, 3600))))
        return refusal

    async def _viewer(self, request: Request, *, uses: bool) -> Viewer | None:
        token = request.cookies.get(COOKIE)
        if not token:
            return None
        return await run_in_threadpool(viewer_of, self._store, token, uses=uses)


def viewer(request: HTTPConnection) -> Viewer | None:
    """Who is signed in on a request that has passed."""
    found: Viewer | None = getattr(request.state, "viewer", None)
    return found


def pattern_of(routes: list[BaseRoute], scope: Scope) -> str | None:
    """The path of the route that will answer, as it was declared; None where there is none."""
    partial = None
    for route in routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE and isinstance(route, (Route, Mount)):
            if match is Match.FULL:
                return route.path
            partial = partial or route.path
    return partial


def same_origin(headers: Headers) -> bool:
    """Whether a form came from our own pages, as far as the browser tells.

    Programs that are no browser send neither header; they hold no one's cookie either.
    """
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return False
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


def _sign_in_first(request: Request) -> Response:
    headers = request.headers
    page = "text/html" in headers.get("accept", "") and "hx-request" not in headers
    if request.method == "GET" and page:
        query = f"?next={quote(request.url.path)}" if request.url.path != "/" else ""
        return RedirectResponse(f"/sign-in{query}", 303)
    if request.url.path.startswith("/v1/"):
        return _refused(request, 401, "sign_in_first", "sign in on the board first")
    return PlainTextResponse(_("Sign in first."), 401, {"hx-redirect": "/sign-in"})


def _refused(request: Request, status: int, code: str, message: str) -> Response:
    """Words for people; with its code for programs."""
    if request.url.path.startswith("/v1/"):
        return JSONResponse({"code": code, "message": message}, status)
    return PlainTextResponse(message, status)


async def read_form(request: Request, most: int) -> bytes | None:
    """The body of a form; None over `most` bytes, `TimeoutError` after half a minute."""
    body = bytearray()
    async with asyncio.timeout(FORM_SECONDS):
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                return None
    return bytes(body)


async def _check_form(request: Request, viewer: Viewer) -> tuple[Receive, Response | None]:
    """Refuse a form that another site made the browser send; else the body, to be read again."""
    try:
        body = await read_form(request, _FORM)
    except TimeoutError:
        return request.receive, PlainTextResponse(_("The form took too long."), 408, _CLOSE)
    if body is None:
        return request.receive, PlainTextResponse(_("The form is too large."), 413, _CLOSE)
    given = request.headers.get("x-csrf-token", "")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not given and kind == "application/x-www-form-urlencoded":
        given = parse_qs(body.decode("utf-8", "replace")).get("csrf", [""])[0]
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await request.receive()
        sent = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    if not same_origin(request.headers) or not hmac.compare_digest(
        given.encode(), viewer.csrf.encode()
    ):
        return again, PlainTextResponse(_("This form is not from a page of yours; reload it."), 403)
    return again, None


def _secure(headers: MutableHeaders, scope: Scope, who: Who | None) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)  # a page with a style of its own says which
    if scope.get("scheme") == "https":
        headers["strict-transport-security"] = "max-age=31536000"
    if isinstance(who, frozenset) and "cache-control" not in headers:
        headers["cache-control"] = "no-store"
