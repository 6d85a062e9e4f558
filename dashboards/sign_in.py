"""The pages on which people sign in, by password or by a one-time link, and out."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import jinja2
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards import people, sessions
from dashboards.access import COOKIE, viewer
from streams.store.store import Store

_HERE = Path(__file__).parent
_FORM = 8 << 10
_WINDOW = 300.0  # seconds over which failures are counted


class Throttle:
    """Failures of the last five minutes by name; over the limit there is no further try.

    >>> throttle = Throttle(clock=lambda: 0.0)
    >>> throttle.failed("host"); throttle.over("host", 1)
    True
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, list[float]] = {}

    def over(self, name: str, limit: int) -> bool:
        """Whether there were `limit` failures or more."""
        since = self._clock() - _WINDOW
        return sum(at > since for at in self._failures.get(name, ())) >= limit

    def failed(self, name: str) -> None:
        """One more."""
        now = self._clock()
        if len(self._failures) > 10_000:
            self._failures = {
                key: times for key, times in self._failures.items() if times[-1] > now - _WINDOW
            }
        self._failures[name] = [*self._failures.get(name, [])[-99:], now]


def templates() -> jinja2.Environment:
    """Our pages, in the board's frame."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE / "templates", _HERE / "board" / "templates"]),
        autoescape=True,
    )


def routes(store: Store) -> list[Route]:
    """The routes `/sign-in`, `/sign-in/{token}` and `/sign-out`."""
    pages = templates()
    throttle = Throttle()
    # a hash takes 64 MiB and both cores: two at once are enough
    hashing = CapacityLimiter(2)

    def page(request: Request, template: str, status: int = 200, /, **context: object) -> Response:
        html = pages.get_template(template).render(request=request, viewer=None, **context)
        return HTMLResponse(html, status, {"cache-control": "no-store"})

    def enter(request: Request, token: str, where: str) -> Response:
        answer = RedirectResponse(where, 303, {"cache-control": "no-store"})
        answer.set_cookie(
            COOKIE,
            token,
            max_age=int(sessions.SESSION_SECONDS),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return answer

    async def show(request: Request) -> Response:
        return page(request, "sign_in.html", next=_inside(request.query_params.get("next")))

    async def sign_in(request: Request) -> Response:
        form = await _form(request)
        name, password, where = (form.get(field, "") for field in ("name", "password", "next"))
        where = _inside(where)
        host = _host(request)
        if throttle.over(f"host {host}", 20) or throttle.over(f"name {name[:100]}", 50):
            message = "Too many attempts. Wait five minutes."
            return page(request, "sign_in.html", 429, next=where, name=name, message=message)
        token = None
        if await to_thread.run_sync(people.check_password, store, name, password, limiter=hashing):
            token = await run_in_threadpool(sessions.open_session, store, name, host=host)
        if token is None:
            throttle.failed(f"host {host}")
            throttle.failed(f"name {name[:100]}")
            await run_in_threadpool(people.failed, store, name, host)
            message = "Name or password is wrong."
            return page(request, "sign_in.html", 401, next=where, name=name, message=message)
        return enter(request, token, where)

    async def show_link(request: Request) -> Response:
        # looking does not use it up: scanners of mail and chats look at every link
        holds = await run_in_threadpool(people.link_holds, store, request.path_params["token"])
        return page(request, "sign_in_link.html", 200 if holds else 410, holds=holds)

    async def use_link(request: Request) -> Response:
        given = request.path_params["token"]
        token = await run_in_threadpool(people.use_link, store, given, _host(request))
        if token is None:
            return page(request, "sign_in_link.html", 410, holds=False)
        return enter(request, token, "/")

    async def sign_out(request: Request) -> Response:
        who = viewer(request)
        assert who is not None  # the check of who is asking was passed
        await run_in_threadpool(sessions.close_session, store, request.cookies[COOKIE], who)
        answer = RedirectResponse("/sign-in", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    return [
        Route("/sign-in", show, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-in/{token}", show_link, methods=["GET"]),
        Route("/sign-in/{token}", use_link, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
    ]


async def _form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM:
            return {}
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def _host(request: Request) -> str:
    return request.client.host if request.client else ""


def _inside(where: str | None) -> str:
    """A path of this site, or its first page: a link must not lead elsewhere after signing in.

    >>> _inside("/signals/1"), _inside("//elsewhere"), _inside("https://elsewhere")
    ('/signals/1', '/', '/')
    """
    if not where or not where.startswith("/") or where[1:2] in ("/", "\\"):
        return "/"
    return where if where.isprintable() and "\\" not in where else "/"
