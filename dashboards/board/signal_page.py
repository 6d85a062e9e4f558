"""The page of one signal: what was raised, what explains it, and what people decided."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.access import viewer
from dashboards.analysis.standing import Standing
from dashboards.board import (
    cases,
    cohort_looks,
    drifted,
    evidence,
    kinds,
    picture,
    reading,
    seen,
    signals,
)
from dashboards.board.computed import Cells, explained
from dashboards.board.decisions import of_signal
from dashboards.board.depth import Depth, depth
from dashboards.board.fragile import Fragile
from dashboards.board.milestones import days, milestones
from dashboards.board.moment import notes, read_moment
from dashboards.board.pages import respond
from dashboards.board.rates import of_product, read
from dashboards.board.review import behind
from dashboards.board.signals import Signal
from dashboards.drift import Drifting
from dashboards.lag import Lag
from dashboards.language import _, mark
from detectors.coding import base
from schemas.vocabulary import Listed, Vocabulary
from streams.store.fits import fits_at
from streams.store.store import Store

KEPT = 50  # signals in depth


def pair_of(row: Any) -> tuple[str, str, str]:
    """Dataset, product and event of a signal."""
    return row.dataset, row.product, row.event


# a template, how many rows of single patients it shows, and what it is filled with
_Shown = tuple[str, int, dict[str, Any]]


class SignalPage:
    """The routes of one signal.

    `rules`: by name, with their titles; `undated`: those that have no data date; `standing`: all
    cases, for what is computed of them.
    """

    def __init__(
        self,
        store: Store,
        lag: Lag,
        *,
        rules: Mapping[str, Any],
        undated: Collection[str],
        labels: Listed,
        vocabulary: Vocabulary,
        standing: Standing,
        fragile: Fragile,
        drifting: Drifting,
        signed: frozenset[str] = frozenset(),
    ) -> None:
        self._store, self._lag = store, lag
        self._vocabulary, self._standing, self._fragile = vocabulary, standing, fragile
        self._rules, self._undated, self._labels = rules, undated, labels
        self._signed = signed
        self._depths: dict[tuple[int, tuple[str, str, str]], Depth] = {}
        self._drifting = drifting

    def routes(self) -> list[Route]:
        """The routes `/signals/{number}`, and its cases and looks as CSV."""
        return [
            Route("/signals/{number:int}", self.show),
            Route("/signals/{number:int}/depth", self.depth),
            Route("/signals/{number:int}/cases.csv", self.cases_csv),
            Route("/signals/{number:int}/looks.csv", self.looks_csv),
        ]

    def show(self, request: Request) -> Response:
        """The page."""
        return self.page(request, request.path_params["number"], {})

    def page(self, request: Request, number: int, said: dict[str, Any]) -> Response:
        """The page of a signal; `said`: what a form was answered, and what was written in it."""
        before = request.query_params.get("before", "")
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            if signal is None:
                raise HTTPException(404, mark("There is no such signal."))
            shown, row = reading.may_read(request), signal.row
            touched = self._drifting.touched(connection)
            context = {
                "signal": signal,
                "moment": read_moment(connection),
                "notes": [
                    *notes(connection, self._lag),
                    *drifted.notes(touched.get((row.dataset, row.product, row.event), ())),
                ],
                "history": signals.history(connection, signal.row.id),
                "others": signals.others(connection, signal),
                "rules": self._rules,
                "undated": self._undated,
                "holding": kinds.holding(connection, pair_of(signal.row)),
                "labels": self._labels.of(signal.row.product),
                "shown": shown,
                **of_signal(connection, number, self._vocabulary, self._signed),
            }
            context["events"] = f"/signals/{number}/events?since={context['moment']}"
            page = self._of_cohort if signal.row.dataset == "cohort" else self._of_reports
            template, rows, more = page(connection, signal, before, shown=shown)
        with self._store.write() as connection:
            if who := viewer(request):
                seen.mark(connection, who.name, number, signal.n)
            if rows:
                kind = "courses" if signal.row.dataset == "cohort" else "cases"
                reading.record(connection, request, f"signal {number}", kind, rows)
        return respond(request, template, **context, **more, **said)

    def _of_cohort(
        self, connection: Connection, signal: Signal, before: str, *, shown: bool
    ) -> _Shown:
        """The page of a signal of the cohort, and how many courses it shows."""
        held = behind(connection, signal.row)
        looked = cohort_looks.looks(connection, signal.row.product, signal.row.event)
        rows = len(held.review.courses) if held.review and shown else 0
        confirmed = signal.row.kind == "confirmed"
        runs = cohort_looks.runs(connection, signal.row.event, signal.row.product)
        more: dict[str, Any] = {
            "looks": looked if confirmed else [],
            "runs": runs if confirmed else [],
            "confirmed": None,
        }
        return "signal_cohort.html", rows, more | {"held": held}

    def _of_reports(
        self, connection: Connection, signal: Signal, before: str, *, shown: bool
    ) -> _Shown:
        """The page of a signal of reports, and how many cases it shows."""
        row, score = signal.row, signal.score
        first = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        listing = cases.page(connection, pair_of(row), first) if shown else None
        prior = None
        if score and score["fit"] is not None:
            prior = fits_at(connection, score["fit"]).prior_of(row.dataset)
        counts = score and [score[name] for name in ("n", "n_product", "n_event", "n_total")]
        dated = milestones(row.product, *picture.span(signal.points))
        found = evidence.confirmed(connection, row)
        chart, marked = evidence.over_time(found, row.product) if found else (None, ())
        more = {
            "dated": dated,
            "evidence_chart": chart,
            "evidence_dates": marked,
            "fragile": score and self._fragile.each(score, prior),
            "strata": signals.strata(connection, signal),
            "cells": counts and Cells.of(*counts),
            "statistics": explained(score, prior) if score else [],
            "plot": picture.large(
                signal.points,
                _("IC of {product} with {event}", product=row.product, event=row.event),
                days(dated),
            ),
            "points": picture.binned(signal.points)[::-1],
            "base": base(row.product),
            "confirmed": found,
            "listing": listing,
            "before": before,
        }
        return "signal.html", len(listing.cases) if listing else 0, more

    def depth(self, request: Request) -> Response:
        """What explains a signal of reports: a page, or the part that a page asks for."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            if signal is None or signal.row.dataset == "cohort":
                raise HTTPException(404, mark("There is no such signal of reports."))
            row = signal.row
            found = self._depth(connection, pair_of(row))
            context = {
                "signal": signal,
                "row": row,
                "depth": found,
                "moment": read_moment(connection),
                "counted": of_product(read(connection, row.event), row.product),
            }
        part = "hx-request" in request.headers
        return respond(request, "signal_depth.html" if part else "depth.html", **context)

    def _depth(self, connection: Connection, pair: tuple[str, str, str]) -> Depth:
        """Of many cases it takes seconds, and it is the same as long as the columns are."""
        position, _ = self._standing.population(connection, pair[0])
        key = (position, pair)
        if (found := self._depths.get(key)) is None:
            found = depth(connection, self._standing, pair, self._vocabulary)
            kept = [(old, one) for old, one in self._depths.items() if old[0] == position]
            self._depths = dict([*kept[-KEPT:], ((found.position, pair), found)])
        return found

    def cases_csv(self, request: Request) -> Response:
        """The line listing of one signal, whole."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            if signal is None:
                raise HTTPException(404, mark("There is no such signal."))
            pair = (signal.row.dataset, signal.row.product, signal.row.event)
            listing = list(cases.cases(connection, pair))
            position = read_moment(connection).position
        with self._store.write() as connection:
            reading.record(connection, request, f"signal {number}", "cases as CSV", len(listing))
        text = cases.as_csv(listing)
        name = f"signal-{number}-cases-at-{position}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def looks_csv(self, request: Request) -> Response:
        """The looks of one confirmed signal, all of them."""
        number = request.path_params["number"]
        with self._store.read() as connection:
            signal = signals.one(connection, number)
            found = None if signal is None else evidence.confirmed(connection, signal.row)
        if found is None:
            raise HTTPException(404, mark("There is no such confirmed signal."))
        headers = {"content-disposition": f'attachment; filename="signal-{number}-looks.csv"'}
        text = evidence.as_csv(found.looks)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
