"""The route `/language`: a person chooses in which language the pages speak, in a cookie."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboards.access import read_form
from dashboards.cookies import give_cookie
from dashboards.language import COOKIE, LANGUAGES

_FORM = 8 << 10
_YEAR = 365 * 86_400


def routes() -> list[Route]:
    """Where the form at the foot of every page goes.

    It needs no sign-in, and Access lets through only what comes from our own pages. A language that
    is not there changes nothing.
    """

    async def choose(request: Request) -> Response:
        body = await read_form(request, _FORM) or b""
        fields = parse_qs(body.decode("utf-8", "replace"))
        chosen, where = (fields.get(name, [""])[0] for name in ("language", "next"))
        answer = RedirectResponse(inside(where), 303, {"cache-control": "no-store"})
        if chosen in LANGUAGES:
            give_cookie(answer, request, COOKIE, chosen, _YEAR)
        return answer

    return [Route("/language", choose, methods=["POST"])]


def here_again(request: Request) -> str:
    """Where that form leads back to; the answer to a form has no address of its own."""
    if request.method != "GET":
        return "/"
    path, query = request.url.path, request.url.query
    if "next" in request.query_params:
        query = urlencode({"next": inside(request.query_params["next"])})
    return f"{path}?{query}" if query else path


def inside(where: str | None) -> str:
    """A path of this site, or its first page: a link must not lead elsewhere after signing in.

    >>> inside("/signals/1"), inside("//elsewhere"), inside("https://elsewhere")
    ('/signals/1', '/', '/')
    """
    if not where or not where.startswith("/") or where[1:2] in ("/", "\\"):
        return "/"
    return where if where.isprintable() and "\\" not in where else "/"
