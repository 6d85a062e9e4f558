"""Signals and their reports over HTTP, for people who are signed in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dashboards.board import reading
from dashboards.reports.formats import MEDIA, rendered
from dashboards.reports.html import policy
from dashboards.reports.moment import resolve, utc
from dashboards.reports.setting import Setting
from dashboards.reports.signal_report import signal_report
from schemas.errors import InputError
from streams.settings import Settings
from streams.store import tables
from streams.store.store import Store
from streams.store.workflow import NOW

MOST = 500
_LAST = 10**18 - 1  # no row has a greater number
_STATUS = dict.fromkeys(("no_such_signal", "position_ahead", "day_not_over", "nothing_then"), 404)


def routes(store: Store, settings: Settings) -> list[BaseRoute]:
    """`/v1/signals`, `/v1/signals/{number}` and `/v1/signals/{number}/report`."""
    made = _Reports(store, settings)
    return [
        Route("/v1/signals", made.listed),
        Route("/v1/signals/{number:int}", made.one),
        Route("/v1/signals/{number:int}/report", made.report),
    ]


class _Reports:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings

    @cached_property
    def _setting(self) -> Setting:
        return Setting.load(self._settings)

    def listed(self, request: Request) -> Response:
        """Signals by number; `after` is the last number of the part before, `limit` its size."""
        try:
            after = _whole(request, "after", 0, _LAST)
            limit = _whole(request, "limit", MOST, MOST)
        except InputError as error:
            return _refused(error)
        with self._store.read() as connection:
            rows = connection.execute(
                select(NOW).where(NOW.c.id > after).order_by(NOW.c.id).limit(limit)
            ).all()
            found = [_signal(connection, row) for row in rows]
        more = found[-1]["id"] if len(found) == limit and found else None
        return JSONResponse({"signals": found, "next": more})

    def one(self, request: Request) -> Response:
        """One signal with its rules, its newest score and its history."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            row = connection.execute(select(NOW).where(NOW.c.id == number)).first()
            if row is None:
                return _refused(InputError("no_such_signal", f"there is no signal {number}"))
            found = _signal(connection, row) | {
                "score": _score(connection, row),
                "history": _history(connection, number),
                "reports": {name: f"/v1/signals/{number}/report?format={name}" for name in MEDIA},
            }
        return JSONResponse(found)

    def report(self, request: Request) -> Response:
        """The report: `format` html, pdf, json or csv; `as_of` a position or a date.

        It lists the cases for those alone who may read rows of single patients.
        """
        name = request.query_params.get("format", "html")
        number = request.path_params["number"]
        try:
            if name not in MEDIA:
                raise InputError("no_such_format", f"no such format: one of {', '.join(MEDIA)}")
            with self._store.read() as connection:
                today = datetime.now(UTC).date()
                as_of = resolve(connection, request.query_params.get("as_of"), today=today)
                listing = reading.may_read(request)
                made = signal_report(connection, number, as_of, self._setting, listing=listing)
        except InputError as error:
            return _refused(error)
        if listing:
            with self._store.write() as connection:
                rows = made.patient_rows  # cases and courses
                reading.record(connection, request, f"signal {number}", "report", rows)
        kind = "inline" if name in ("html", "pdf") else "attachment"
        headers = {"content-disposition": f'{kind}; filename="{made.id}.{name}"'}
        if name == "html":
            headers["content-security-policy"] = policy()
        return Response(rendered(made, name), media_type=MEDIA[name], headers=headers)


def _refused(error: InputError) -> Response:
    status = _STATUS.get(error.code, 400)
    return JSONResponse({"code": error.code, "message": str(error)}, status)


def _whole(request: Request, name: str, default: int, most: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= most):
        raise InputError("bad_parameter", f"{name} is a whole number up to {most}")
    return int(text)


def _signal(connection: Connection, row: Any) -> dict[str, Any]:
    rules = tables.signal_rules
    held = connection.execute(
        select(rules).where(rules.c.signal_id == row.id).order_by(rules.c.rule)
    )
    return {
        "id": row.id,
        "kind": row.kind,
        "dataset": row.dataset,
        "product": row.product,
        "event": row.event,
        "state": row.state,
        "priority": row.priority,
        "raised_position": row.raised_position,
        "raised_at": utc(row.raised_at),
        "changed_at": utc(row.changed_at),
        "rules": [
            {
                "rule": one.rule,
                "holds": one.holds,
                "first_position": one.first_position,
                "first_at": utc(one.first_at),
                "first_n": one.first_n,
                "data_date": one.data_date,
                "data_n": one.data_n,
            }
            for one in held
        ],
    }


def _score(connection: Connection, row: Any) -> dict[str, Any] | None:
    table = tables.scores
    found = connection.execute(
        select(table).where(
            table.c.dataset == row.dataset,
            table.c.product == row.product,
            table.c.event == row.event,
        )
    ).first()
    if found is None:
        return None
    left_out = ("dataset", "product", "event", "watched")
    return {name: value for name, value in found._mapping.items() if name not in left_out}


def _history(connection: Connection, number: int) -> list[dict[str, Any]]:
    table = tables.signal_history
    rows = connection.execute(select(table).where(table.c.signal_id == number).order_by(table.c.id))
    return [
        {
            "position": row.position,
            "at": utc(row.at),
            "what": row.what,
            "detail": json.loads(row.detail),
        }
        for row in rows
    ]
