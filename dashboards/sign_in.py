"""The pages on which people sign in, by password or by a one-time link, and out."""

from __future__ import annotations

import math
from pathlib import Path
from urllib.parse import parse_qs

import jinja2
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards import people, sessions
from dashboards.access import COOKIE, read_form, viewer
from dashboards.board.pages import words
from dashboards.choosing import here_again, inside
from dashboards.cookies import give_cookie
from dashboards.language import _, install, mark, n_
from dashboards.lockout import Attempt, Lockout
from streams.store.store import Store

_HERE = Path(__file__).parent
_FORM = 8 << 10


def templates() -> jinja2.Environment:
    """Our pages, in the board's frame."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader([_HERE / "templates", _HERE / "board" / "templates"]),
        autoescape=True,
    )
    pages.filters["words"] = words
    pages.globals["here_again"] = here_again
    return install(pages)


def routes(store: Store, provider: str = "") -> list[Route]:
    """The routes `/sign-in`, `/sign-in/{token}` and `/sign-out`.

    `provider`: what the button says by which people sign in elsewhere (see oidc), if they do.
    """
    pages = templates()
    lockout = Lockout(store)
    # a hash takes 64 MiB and both cores: two at once are enough
    hashing = CapacityLimiter(2)

    def page(request: Request, template: str, status: int = 200, /, **context: object) -> Response:
        shown = {"viewer": None, "provider": provider, **context}
        html = pages.get_template(template).render(request=request, **shown)
        return HTMLResponse(html, status, {"cache-control": "no-store"})

    def locked(request: Request, attempt: Attempt, template: str, /, **context: object) -> Response:
        message, headers = waiting(attempt)
        answer = page(request, template, 429, message=message, **context)
        answer.headers.update(headers)
        return answer

    async def show(request: Request) -> Response:
        return page(request, "sign_in.html", next=inside(request.query_params.get("next")))

    async def sign_in(request: Request) -> Response:
        form = await _form(request)
        name, password, where = (form.get(field, "") for field in ("name", "password", "next"))
        where = inside(where)
        attempt = await run_in_threadpool(lockout.attempt, host_of(request), name[:100])
        if attempt.wait:
            return locked(request, attempt, "sign_in.html", next=where, name=name)
        token = None
        if await to_thread.run_sync(people.check_password, store, name, password, limiter=hashing):
            host = host_of(request)
            token = await run_in_threadpool(sessions.open_session, store, name, host=host)
        if token is None:
            await run_in_threadpool(lockout.failed, attempt, "password")
            message = _("Name or password is wrong.")
            return page(request, "sign_in.html", 401, next=where, name=name, message=message)
        await run_in_threadpool(lockout.passed, attempt)
        return enter(request, token, where)

    async def show_link(request: Request) -> Response:
        # looking does not use it up: scanners of mail and chats look at every link
        holds = await run_in_threadpool(people.link_holds, store, request.path_params["token"])
        return page(request, "sign_in_link.html", 200 if holds else 410, holds=holds)

    async def use_link(request: Request) -> Response:
        given, host = request.path_params["token"], host_of(request)
        attempt = await run_in_threadpool(lockout.attempt, host)
        if attempt.wait:
            return locked(request, attempt, "sign_in_link.html", holds=False)
        token = await run_in_threadpool(people.use_link, store, given, host)
        if token is None:
            await run_in_threadpool(lockout.failed, attempt, "link")
            return page(request, "sign_in_link.html", 410, holds=False)
        await run_in_threadpool(lockout.passed, attempt)
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


def enter(request: Request, token: str, where: str) -> Response:
    """Lead somebody who has signed in to a page of ours, with the cookie of their session."""
    answer = RedirectResponse(where, 303, {"cache-control": "no-store"})
    give_cookie(answer, request, COOKIE, token, int(sessions.SESSION_SECONDS))
    return answer


def waiting(attempt: Attempt) -> tuple[str, dict[str, str]]:
    """What is said to who has to wait, with a header that says how long.

    It is the same for every name, whether somebody has it or not.
    """
    minutes = math.ceil(attempt.wait / 60)
    message = n_(
        "Too many attempts. Wait {minutes} minute.",
        "Too many attempts. Wait {minutes} minutes.",
        minutes,
        minutes=minutes,
    )
    return message, {"retry-after": str(math.ceil(attempt.wait))}


async def _form(request: Request) -> dict[str, str]:
    try:
        body = await read_form(request, _FORM)
    except TimeoutError:
        raise HTTPException(408, mark("The form took too long."), {"connection": "close"}) from None
    if body is None:
        raise HTTPException(413, mark("The form is too large."), {"connection": "close"})
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


def host_of(request: Request) -> str:
    """The address from which somebody asks; empty where it is not known."""
    return request.client.host if request.client else ""
