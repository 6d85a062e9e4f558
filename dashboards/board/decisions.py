"""What people decide: the moves of a signal on its page, and how often signals are refuted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy import Connection, func, select
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboards import signing, workflow
from dashboards.access import viewer
from dashboards.board.moment import read_moment
from dashboards.board.news import News, Rendered
from dashboards.board.pages import environment, respond
from dashboards.board.returning import Returning
from dashboards.form import Form
from dashboards.language import _, mark
from dashboards.liver import context, of_liver
from dashboards.workflow import CAUSALITY, MOVES, REASONS, MovedOn
from schemas.errors import InputError
from schemas.vocabulary import Vocabulary
from streams.settings import Settings
from streams.store import tables
from streams.store.signatures import MEANINGS
from streams.store.store import Store
from streams.store.workflow import ENDED, NOW, PRIORITIES, STATES

DECIDED = ("validated", "refuted")

PageOf = Callable[[Request, int, dict[str, Any]], Response]


@dataclass(frozen=True, slots=True)
class OfSignal:
    """The view of one signal's workflow, for news."""

    number: int


@dataclass(frozen=True, slots=True)
class Refuted:
    """Signals that a rule held for and whose validation was decided in a month."""

    month: str
    rule: str
    decided: int
    refuted: int


class Decisions:
    """The routes of the workflow. `page` answers with the page of a signal."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        news: News,
        *,
        returning: Returning,
        page: PageOf,
        vocabulary: Vocabulary,
    ) -> None:
        self._store, self._news, self._returning, self._page = store, news, returning, page
        self._vocabulary = vocabulary
        self._four_eyes, self._signed = settings.four_eyes, settings.signed

    def routes(self) -> list[Route]:
        """`/decisions`, `/signals/{number}/workflow`, `.../workflow/now` and `.../events`."""
        one = "/signals/{number:int}"
        return [
            Route(f"{one}/workflow", self.act, methods=["POST"]),
            Route(f"{one}/workflow/now", self.now),
            Route(f"{one}/events", self.events),
            Route("/decisions", self.decisions),
        ]

    async def act(self, request: Request) -> Response:
        """Do what a form asks for; show what came of it, or what stands in the way."""
        number = request.path_params["number"]
        fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        given = {name: values[0] for name, values in fields.items()}
        return await run_in_threadpool(self._act, request, number, given)

    def _act(self, request: Request, number: int, given: dict[str, str]) -> Response:
        form, meaning = Form.of(given), given.get("meaning", "")
        who = viewer(request)
        assert who is not None  # the check of who is asking was passed
        part = "hx-request" in request.headers
        try:
            self._check_rucam(number, form)
            with self._store.read() as connection:
                now = workflow.read(connection, number)[0]
            if workflow.asks_signature(now, form, self._signed):
                host = request.client.host if request.client else ""
                signing.confirm(self._store, who, given.get("password", ""), meaning, host)
            workflow.act(
                self._store,
                number,
                who,
                form,
                four_eyes=self._four_eyes,
                signed=self._signed,
                meaning=meaning,
                count=self._returning.count,
            )
        except InputError as error:
            if error.code == "no_such_signal":
                raise HTTPException(404, mark("There is no such signal.")) from None
            status = 409 if isinstance(error, MovedOn) else 422
            said = {"refused": str(error), "form": form, "meant": meaning}
            if not part:
                page = self._page(request, number, said)
                page.status_code = status
                return page
            return self._part(request, number, status, said)
        if not part:
            return RedirectResponse(f"/signals/{number}#workflow", 303)
        return self._part(request, number, 200, {"done": True})

    def _check_rucam(self, number: int, form: Form) -> None:
        if not dict(form.rucam).get("pattern"):
            return
        with self._store.read() as connection:
            found = connection.execute(select(NOW.c.event).where(NOW.c.id == number)).first()
        if found is not None and not of_liver(self._vocabulary, found.event):
            raise InputError("bad_rucam", _("RUCAM is for events of the liver"))

    def _part(self, request: Request, number: int, status: int, said: dict[str, Any]) -> Response:
        with self._store.read() as connection:
            shown = of_signal(connection, number, self._vocabulary, self._signed)
        return respond(request, "workflow.html", status, **shown, **said)

    def now(self, request: Request) -> Response:
        """The part of a signal's page in which people decide."""
        with self._store.read() as connection:
            shown = of_signal(
                connection, request.path_params["number"], self._vocabulary, self._signed
            )
        return respond(request, "workflow.html", **shown)

    async def events(self, request: Request) -> Response:
        """What others do with a signal, for as long as its page is open."""
        return self._news.answer(request, OfSignal(request.path_params["number"]))

    def render(self, view: OfSignal) -> Rendered:
        """The news of one signal."""
        with self._store.read() as connection:
            moment = read_moment(connection)
            try:
                shown = of_signal(connection, view.number, self._vocabulary, self._signed)
            except HTTPException:
                return Rendered(str(moment), ())
        pages = environment()
        names = {"workflow": "live/workflow.html", "state": "live/state.html"}
        return Rendered(
            str(moment),
            tuple((name, pages.get_template(path).render(shown)) for name, path in names.items()),
        )

    def decisions(self, request: Request) -> Response:
        """How many signals stand where, and how often those of each rule are refuted."""
        with self._store.read() as connection:
            rows = connection.execute(select(NOW.c.state, func.count()).group_by(NOW.c.state))
            counts = {row[0]: row[1] for row in rows}
            found = refuted(connection)
            moment = read_moment(connection)
        return respond(
            request,
            "decisions.html",
            counts={state: counts.get(state, 0) for state in STATES},
            refuted=found,
            moment=moment,
        )


def of_signal(
    connection: Connection,
    number: int,
    vocabulary: Vocabulary,
    signed: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """What the part of a signal's page shows; 404 where there is no such signal.

    `signed`: the states for which a signature is asked for.
    """
    found = connection.execute(select(NOW).where(NOW.c.id == number)).first()
    if found is None:
        raise HTTPException(404, mark("There is no such signal."))
    table = tables.acts
    rows = connection.execute(
        select(table).where(table.c.signal_id == number).order_by(table.c.id.desc())
    )
    return {
        "flow": found,
        "acts": [{**row._mapping, "detail": json.loads(row.detail)} for row in rows],
        "moves": MOVES[found.state],
        "to_sign": [move for move in MOVES[found.state] if move.to in signed],
        "MEANINGS": MEANINGS,
        "officers": workflow.officers(connection),
        **context(found.rucam, found.event, vocabulary),
        "REASONS": REASONS,
        "CAUSALITY": CAUSALITY,
        "PRIORITIES": PRIORITIES,
        "ENDED": ENDED,
        "FLOW": STATES,
        "LONGEST_NOTE": workflow.LONGEST_NOTE,
        "today": datetime.now(UTC).date().isoformat(),
    }


def refuted(connection: Connection) -> Sequence[Refuted]:
    """Of each month (UTC) and rule, how many decided signals were refuted; the newest month first.

    A signal counts for every rule that had held for it by the time it was decided, and as often as
    it was decided.
    """
    acts, rules = tables.acts, tables.signal_rules
    rows = connection.execute(
        select(acts.c.id, acts.c.at, acts.c.to_state, rules.c.rule)
        .join(rules, (rules.c.signal_id == acts.c.signal_id) & (rules.c.first_at <= acts.c.at))
        .where(acts.c.what == "moved", acts.c.to_state.in_(DECIDED))
    )
    counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for __, at, state, rule in rows:
        month = f"{datetime.fromtimestamp(at, UTC):%Y-%m}"
        counted[month, rule][0] += 1
        counted[month, rule][1] += state == "refuted"
    # months downwards, rules upwards
    keys = sorted(sorted(counted), key=lambda key: key[0], reverse=True)
    return [Refuted(month, rule, *counted[month, rule]) for month, rule in keys]
