"""The page of what would have been found by now, and its list as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboards.analysis.standing import Standing
from dashboards.board import silent, silent_cohort
from dashboards.board.fragile import Fragile
from dashboards.board.moment import notes, read_moment
from dashboards.board.pages import respond
from dashboards.board.silent import DATASETS, NO_PRIOR, PAGE, Filters, Page, Watched
from dashboards.lag import Lag
from detectors.rules import Rule
from streams.store.fits import fits_at
from streams.store.store import Store


class SilencePage:
    """The routes `/silence` and `/silence.csv`.

    `rules`: screening rules, the first unless another is named. One that rests on a prior is judged
    by that of the newest checkpoint, as if it stayed.
    """

    def __init__(
        self,
        store: Store,
        lag: Lag,
        *,
        standing: Standing,
        rules: Sequence[Rule],
        fragile: Fragile,
        watched: Watched,
    ) -> None:
        self._fragile = fragile
        self._store, self._lag, self._standing, self._watched = store, lag, standing, watched
        self._rules = {rule.name: rule for rule in rules}
        self._titles = {rule.name: rule.title for rule in rules}

    def routes(self) -> list[Route]:
        """Both routes."""
        return [Route("/silence", self.show), Route("/silence.csv", self.csv)]

    def show(self, request: Request) -> Response:
        """The page."""
        filters = Filters.of(request.query_params)
        with self._store.read() as connection:
            rule, page = self._page(connection, filters)
            context: dict[str, Any] = {
                "moment": read_moment(connection),
                "notes": notes(connection, self._lag),
            }
        begin = (filters.page - 1) * PAGE
        return respond(
            request,
            "silence.html",
            page=page,
            rows=page.rows[begin : begin + PAGE],
            filters=filters,
            rule=rule,
            rules=tuple(self._rules),
            titles=self._titles,
            DATASETS=DATASETS,
            **context,
        )

    def csv(self, request: Request) -> Response:
        """Every row that fits the filters; its name says which they were, and the position."""
        filters = Filters.of(request.query_params)
        with self._store.read() as connection:
            rule, page = self._page(connection, filters)
        parts = ["silence", filters.dataset, rule, filters.product, "at", str(page.position)]
        name = "-".join(part.replace(" ", "_") for part in parts if part)
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
        headers = {"content-disposition": f'attachment; filename="{safe}.csv"'}
        text = silent.as_csv(page.rows)
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    def _page(self, connection: Connection, filters: Filters) -> tuple[str, Page]:
        if filters.dataset == "cohort":
            return "", silent_cohort.cohort(connection, filters, self._watched.products)
        name = filters.rule if filters.rule in self._rules else next(iter(self._rules), "")
        if not name:
            return "", Page((), 0, 0, self._watched.products, -1)
        named = Filters(filters.dataset, filters.product, name, filters.page)
        prior = fits_at(connection).prior_of(filters.dataset)
        flag = self._fragile.flag(name, prior)
        why = NO_PRIOR if prior is None and self._fragile.fitted(name) else ""
        return name, silent.reports(connection, self._standing, named, flag, self._watched, why=why)
