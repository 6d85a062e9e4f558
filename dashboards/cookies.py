"""How the board gives a browser a cookie: no script reads it, and no other site sends it along."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response


def give_cookie(
    answer: Response, request: Request, name: str, value: str, seconds: int, *, path: str = "/"
) -> None:
    """Set a cookie for so long; over https alone where the request came by it."""
    answer.set_cookie(
        name,
        value,
        max_age=seconds,
        path=path,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
