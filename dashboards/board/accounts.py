"""The page of accounts: who signs in, who is locked out, and the keys of those who push."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import parse_qs

from sqlalchemy import Connection, select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboards.access import viewer
from dashboards.board.moment import read_moment
from dashboards.board.pages import respond
from dashboards.expiry import SOON, key_ends
from dashboards.lockout import Lockout, locked
from schemas.errors import InputError
from streams.store import tables
from streams.store.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """A person; `until`: no sign-in by password before."""

    name: str
    role: str
    patient_level: bool
    narratives: bool
    password: bool
    disabled: bool
    until: float | None


def accounts(connection: Connection, now: float) -> list[Account]:
    """Everyone, by name; those who are locked out first."""
    table = tables.users
    waiting = locked(connection, now)
    found = [
        Account(
            row.name,
            row.role,
            row.patient_level or row.role == "officer",
            row.narratives,
            row.password_hash is not None,
            row.disabled_at is not None,
            waiting.get(row.name),
        )
        for row in connection.execute(select(table).order_by(table.c.name))
    ]
    return sorted(found, key=lambda one: one.until is None)


@dataclass(frozen=True, slots=True)
class Pushing:
    """A key of a sender; `state`: "in use", "expires soon", "expired" or "revoked"."""

    number: int
    name: str
    role: str
    created_at: float
    used_at: float | None
    ends_at: float | None
    state: str


def pushing(connection: Connection, now: float) -> list[Pushing]:
    """Every key; first those that end soon and are still the ones in use."""
    soon = {key: ends for key, ends in key_ends(connection, now).values() if ends < now + SOON}
    table = tables.keys
    found = []
    for row in connection.execute(select(table).order_by(table.c.name, table.c.id)):
        state = "in use"
        if row.revoked_at is not None:
            state = "revoked"
        elif row.expires_at is not None and row.expires_at <= now:
            state = "expired"
        elif row.id in soon:
            state = "expires soon"
        ends = row.expires_at if row.revoked_at is None else row.revoked_at
        found.append(Pushing(row.id, row.name, row.role, row.created_at, row.used_at, ends, state))
    order = ("expires soon", "in use", "expired", "revoked")
    return sorted(found, key=lambda one: order.index(one.state))


def routes(store: Store) -> list[Route]:
    """`/accounts`, and `/accounts/unlock` for the forms on it."""
    lockout = Lockout(store)

    def page(request: Request, status: int = 200, refused: str = "") -> Response:
        now = time.time()
        with store.read() as connection:
            context = {
                "people": accounts(connection, now),
                "keys": pushing(connection, now),
                "moment": read_moment(connection),
            }
        return respond(request, "accounts.html", status, refused=refused, **context)

    def show(request: Request) -> Response:
        return page(request)

    async def unlock(request: Request) -> Response:
        fields = parse_qs((await request.body()).decode("utf-8", "replace"))
        who = viewer(request)
        assert who is not None  # the check of who is asking was passed
        try:
            name = fields.get("name", [""])[0]
            await run_in_threadpool(lockout.unlock, name, who.actor)
        except InputError as error:
            return await run_in_threadpool(page, request, 422, str(error))
        return RedirectResponse("/accounts", 303)

    return [Route("/accounts", show), Route("/accounts/unlock", unlock, methods=["POST"])]
