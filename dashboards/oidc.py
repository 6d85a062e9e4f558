"""The routes on which people sign in by an OpenID provider: out to it, and back with its answer.

Who somebody is here, and what they may, is ours: an account that is there already. Nothing that the
provider says makes one or gives a role.
"""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards import round_trips, sessions
from dashboards.choosing import inside
from dashboards.cookies import give_cookie
from dashboards.language import _
from dashboards.lockout import Attempt, Lockout
from dashboards.provider import Away, Provider
from dashboards.sign_in import enter, host_of, templates, waiting
from dashboards.subjects import user_of
from schemas.errors import InputError
from streams.store.store import Store

COOKIE: Final = "ketavigil_oidc"
PATH: Final = "/sign-in/oidc"
_BY: Final = "oidc"
_NO_STORE = {"cache-control": "no-store"}
_STATUS: Final = {
    "oidc_away": 503,
    "oidc_disabled": 403,
    "oidc_locked": 429,
    "oidc_unlinked": 403,
}
_LONGEST = 4096  # characters of a code


class _Unlinked(InputError):
    """Somebody whom the provider knows and nobody here linked to an account."""

    def __init__(self, subject: str) -> None:
        said = _("Nobody has linked you to an account here; ask an administrator.")
        super().__init__("oidc_unlinked", said)
        self.subject = subject


def routes(store: Store, provider: Provider | None) -> list[Route]:
    """`/sign-in/oidc` and `/sign-in/oidc/answer`; without a provider there is nothing there."""
    page = templates().get_template("sign_in_oidc.html")
    lockout = Lockout(store)

    def refusal(request: Request, code: str, message: str) -> Response:
        html = page.render(request=request, viewer=None, code=code, message=message)
        return HTMLResponse(html, _STATUS.get(code, 400), _NO_STORE)

    def locked(request: Request, attempt: Attempt) -> Response:
        message, headers = waiting(attempt)
        answer = refusal(request, "oidc_locked", message)
        answer.headers.update(headers)
        return answer

    async def out(request: Request) -> Response:
        asked = _known(provider)
        trip = await run_in_threadpool(
            round_trips.begin, store, inside(request.query_params.get("next"))
        )
        try:
            there = await asked.address(_back(request), trip.state, trip.nonce, trip.challenge)
        except Away as error:
            return refusal(request, error.code, str(error))
        answer = RedirectResponse(there, 303, _NO_STORE)
        give_cookie(answer, request, COOKIE, trip.secret, int(round_trips.SECONDS), path=PATH)
        return answer

    async def subject(request: Request) -> tuple[str, str]:
        """Who comes back, and where they wanted to go."""
        asked, given = _known(provider), request.query_params
        secret = request.cookies.get(COOKIE, "")
        ended = await run_in_threadpool(round_trips.end, store, secret, given.get("state", ""))
        if ended is None:
            raise InputError(
                "oidc_state",
                _("This sign-in was not begun in this browser, is over, or took too long."),
            )
        trip, where = ended
        if given.get("iss", asked.registration.issuer) != asked.registration.issuer:
            raise InputError("oidc_issuer", _("The answer is of another provider."))
        if "error" in given or not 0 < len(given.get("code", "")) <= _LONGEST:
            raise InputError("oidc_refused", _("The provider did not sign you in."))
        code, back = given["code"], _back(request)
        return await asked.subject(code, back, trip.verifier, trip.nonce), where

    async def account(who: str) -> str:
        found = await run_in_threadpool(user_of, store, _known(provider).registration.issuer, who)
        if found is None:
            raise _Unlinked(who)
        return found

    async def back(request: Request) -> Response:
        _known(provider)
        host = host_of(request)
        attempt = await run_in_threadpool(lockout.attempt, host)
        if attempt.wait:
            return locked(request, attempt)
        try:
            who, where = await subject(request)
            name = await account(who)
        except Away as error:
            await run_in_threadpool(lockout.passed, attempt)
            return refusal(request, error.code, str(error))
        except InputError as error:
            more = {"code": error.code}
            if isinstance(error, _Unlinked):
                more["subject"] = error.subject
            await run_in_threadpool(lockout.failed, attempt, _BY, more=more)
            return refusal(request, error.code, str(error))
        await run_in_threadpool(lockout.passed, attempt)
        return await came_in(request, name, where)

    async def came_in(request: Request, name: str, where: str) -> Response:
        host = host_of(request)
        attempt = await run_in_threadpool(lockout.attempt, host, name)
        if attempt.wait:
            return locked(request, attempt)
        token = await run_in_threadpool(sessions.open_session, store, name, by=_BY, host=host)
        if token is None:
            code = "oidc_disabled"
            await run_in_threadpool(lockout.failed, attempt, _BY, more={"code": code})
            return refusal(request, code, _("Your account here is disabled."))
        await run_in_threadpool(lockout.passed, attempt)
        answer = enter(request, token, where)
        answer.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="lax")
        return answer

    return [Route(PATH, out, methods=["GET"]), Route(f"{PATH}/answer", back, methods=["GET"])]


def _known(provider: Provider | None) -> Provider:
    if provider is None:
        raise HTTPException(404)
    return provider


def _back(request: Request) -> str:
    """Where the provider sends people back to; it knows this address beforehand."""
    return f"{request.url.scheme}://{request.url.netloc}{PATH}/answer"
