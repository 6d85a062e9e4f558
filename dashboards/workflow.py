"""The workflow of a signal as GVP Module IX has it: who may move it where, and what a move needs.

`decide` is a function of the state and of what a form gives; `act` does it, in one transaction with
the audit trail.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, insert, select

from dashboards.form import Form
from dashboards.language import _, mark
from dashboards.liver import assessed
from dashboards.sessions import Viewer
from schemas.errors import InputError
from streams.store import signatures, tables, trail
from streams.store.store import Store
from streams.store.trail import Actor
from streams.store.workflow import ENDED, NOW, PRIORITIES
from streams.store.writing import upsert

LONGEST_NOTE = 4_000  # characters
DECLINE: Final = "decline"


class Move(NamedTuple):
    """A state that a signal can be taken to, and the words of the button."""

    to: str
    label: str


# What is permitted; nothing leads out of an end but new evidence, see `returning`.
MOVES: Final[dict[str, tuple[Move, ...]]] = {
    "new": (Move("under_validation", mark("Begin validation")),),
    "under_validation": (Move("validated", mark("Validate")), Move("refuted", mark("Refute"))),
    "validated": (Move("prioritised", mark("Prioritise")),),
    "prioritised": (Move("under_assessment", mark("Begin assessment")),),
    "under_assessment": (Move("closed", mark("Close")),),
    "closed": (),
    "refuted": (),
}
# GVP Module IX, IX.B.3: what a signal may lack, and IX.B.5: what may be recommended
REASONS: Final[dict[str, dict[str, str]]] = {
    "refuted": {
        "known": mark("already known: listed, or dealt with before"),
        "confounded": mark("explained by the indication, other products or another cause"),
        "weak_cases": mark("the cases are too poor, or copies of one another"),
        "artefact": mark("an artefact of coding, sending or counting"),
    },
    "closed": {
        "routine": mark("no action beyond routine pharmacovigilance"),
        "monitored": mark("to be monitored closely"),
        "more_data": mark("additional data or a study asked for"),
        "information_changed": mark("product information to be changed"),
        "measures": mark("other measures of risk minimisation"),
    },
}
# the categories of the WHO-UMC system for standardised case causality assessment
CAUSALITY: Final[dict[str, str]] = {
    "certain": mark("certain"),
    "probable": mark("probable / likely"),
    "possible": mark("possible"),
    "unlikely": mark("unlikely"),
    "conditional": mark("conditional / unclassified"),
    "unassessable": mark("unassessable / unclassifiable"),
}


@dataclass(frozen=True, slots=True)
class Workflow:
    """Where a signal stands."""

    state: str = "new"
    priority: str | None = None
    owner: str | None = None
    due: str | None = None
    causality: str | None = None
    rucam: str | None = None
    reason: str | None = None
    proposed: str | None = None
    proposed_by: str | None = None


class MovedOn(InputError):
    """The signal is no longer in the state that the form was made for."""


def decide(now: Workflow, form: Form, who: str, four_eyes: frozenset[str]) -> tuple[str, Workflow]:
    """What a form does ("moved", "proposed", "declined" or "noted"), and the state after it.

    Raises `InputError`: "not_permitted", "note_missing", "note_too_long", "reason_missing",
    "priority_missing", "second_person", "bad_due", "bad_causality", "bad_rucam", "ended",
    "nothing".

    >>> decide(Workflow(), Form(to="under_validation", note="seen"), "Ann", frozenset())
    ... # doctest: +ELLIPSIS
    ('moved', Workflow(state='under_validation', priority=None, owner='Ann', ...
    """
    if len(form.note) > LONGEST_NOTE:
        raise InputError(
            "note_too_long",
            _("a note has at most {n} characters", n=LONGEST_NOTE),
        )
    if form.to and not form.note:
        raise InputError("note_missing", _("say why, in the note"))
    if form.to == DECLINE:
        if now.proposed is None:
            raise InputError("not_permitted", _("nothing is proposed"))
        return "declined", replace(now, proposed=None, proposed_by=None, reason=None)
    if form.to:
        return _moved(now, form, who, four_eyes)
    return _noted(now, form)


def _moved(now: Workflow, form: Form, who: str, four_eyes: frozenset[str]) -> tuple[str, Workflow]:
    if form.to not in {move.to for move in MOVES[now.state]}:
        wanted, state = _(form.to.replace("_", " ")), _(now.state.replace("_", " "))
        raise InputError(
            "not_permitted", _("no move leads from {state} to {wanted}", state=state, wanted=wanted)
        )
    after = replace(now, state=form.to, proposed=None, proposed_by=None)
    if form.to in ENDED:
        confirmed = now.proposed == form.to
        reason = now.reason if confirmed else form.reason
        if reason not in REASONS[form.to]:
            raise InputError("reason_missing", _("choose a reason"))
        if form.to in four_eyes:
            if confirmed and now.proposed_by == who:
                raise InputError("second_person", _("a second person must decide, you proposed it"))
            if not confirmed:
                return "proposed", replace(now, reason=reason, proposed=form.to, proposed_by=who)
        return "moved", replace(after, reason=reason)
    if form.to == "prioritised":
        if form.priority not in PRIORITIES:
            raise InputError("priority_missing", _("choose a priority"))
        after = replace(after, priority=form.priority)
    return "moved", replace(after, owner=after.owner or who)


def _noted(now: Workflow, form: Form) -> tuple[str, Workflow]:
    if form.due:
        try:
            date.fromisoformat(form.due)
        except ValueError:
            raise InputError("bad_due", _("a due date is a day, as 2026-07-31")) from None
    if form.causality and form.causality not in CAUSALITY:
        raise InputError("bad_causality", _("that is no category of the WHO-UMC system"))
    after = replace(
        now,
        owner=form.owner or None,
        due=form.due or None,
        causality=form.causality or None,
        rucam=assessed(dict(form.rucam)) or now.rucam,
    )
    if now.state in ENDED and after != now:
        raise InputError("ended", _("a signal that has ended takes notes, and no other change"))
    if after == now and not form.note:
        raise InputError("nothing", _("nothing was changed and no note was written"))
    return "noted", after


def read(connection: Connection, number: int) -> tuple[Workflow, int]:
    """Where a signal stands, and its revision; `InputError` ("no_such_signal")."""
    row = connection.execute(select(tables.signals.c.id).where(tables.signals.c.id == number))
    if row.first() is None:
        raise InputError("no_such_signal", _("there is no signal {number}", number=number))
    table = tables.workflow
    found = connection.execute(select(table).where(table.c.signal_id == number)).first()
    if found is None:
        return Workflow(), 0
    return Workflow(*(getattr(found, name) for name in Workflow.__slots__)), found.revision


def officers(connection: Connection) -> list[str]:
    """Who may own a signal."""
    users = tables.users.c
    active = (users.role == "officer") & users.disabled_at.is_(None)
    return list(connection.scalars(select(users.name).where(active).order_by(users.name)))


def asks_signature(now: Workflow, form: Form, signed: frozenset[str]) -> bool:
    """Whether what a form asks for is signed: a move to one of `signed`, or declining such a one.

    >>> asks_signature(Workflow(), Form(to="closed"), frozenset({"closed"}))
    True
    """
    return (now.proposed if form.to == DECLINE else form.to) in signed


def act(
    store: Store,
    number: int,
    viewer: Viewer,
    form: Form,
    *,
    four_eyes: frozenset[str] = frozenset(),
    signed: frozenset[str] = frozenset(),
    meaning: str = "",
    count: Callable[[Connection, Any], int],
) -> None:
    """Do what a form asks for, or raise `MovedOn` ("moved_on") or what `decide` raises.

    `count`: how many cases a signal has, which is kept where it ends. `signed`: the states for
    which a signature is asked for ("signature_missing"); `meaning`: that of one that was confirmed.
    """
    with store.write() as connection:
        trail.lock(connection)
        now, revision = read(connection, number)
        if form.revision != revision:
            raise MovedOn("moved_on", _("the signal was moved on meanwhile; nothing was changed"))
        what, after = decide(now, form, viewer.name, four_eyes)
        owners = officers(connection)
        if after.owner != now.owner and after.owner and after.owner not in owners:
            raise InputError("bad_owner", _("{name} is no officer of this board", name=after.owner))
        ended = None
        if after.state in ENDED and now.state not in ENDED:
            row = connection.execute(select(NOW).where(NOW.c.id == number)).one()
            ended = (count(connection, row), newest_position(connection))
        signs = asks_signature(now, form, signed)
        if signs and meaning not in signatures.MEANINGS:
            raise InputError("signature_missing", _("this is signed, and was not"))
        done = Act(
            viewer.actor, what, form.note, now, after, ended, meaning=meaning if signs else ""
        )
        write(connection, number, revision, done)


def newest_position(connection: Connection) -> int:
    """Of the newest change that is scored."""
    table = tables.positions
    found = connection.scalar(
        select(table.c.next_offset).where(table.c.consumer == "detect").limit(1)
    )
    return (found or 0) - 1


class Act(NamedTuple):
    """What somebody did: "moved", "proposed", "declined", "noted", or the system "returned".

    `ended`: the count and the position at the end of a signal; `news`: what is new of one that
    comes back; `meaning`: that of a signature.
    """

    actor: Actor
    what: str
    note: str
    before: Workflow
    after: Workflow
    ended: tuple[int, int] | None = None
    news: Mapping[str, Any] | None = None
    meaning: str = ""


def write(connection: Connection, number: int, revision: int, done: Act) -> None:
    """Write an act: in the trail, the signal's own list and its state; the trail is locked."""
    before, after = asdict(done.before), asdict(done.after)
    changed = sorted(name for name in before if before[name] != after[name])
    news = dict(done.news or {})
    said = {
        "signal_id": number,
        "revision": revision + 1,
        "position": newest_position(connection),
        "who": done.actor.name,
        "what": done.what,
        "from_state": before["state"],
        "to_state": after["state"],
        "note": done.note,
    }
    detail = {name: after[name] for name in changed if name != "state"} | news
    signature: dict[str, Any] = {}
    if done.meaning:
        rules = signatures.rules(connection, number)
        own = {"meaning": done.meaning, "role": done.actor.role, "rules": rules}
        over = signatures.content(connection, said | {"detail": detail}, own)
        signature = {"signature": own | {"sha256": signatures.digest(over)}}
    seq = trail.append(
        connection,
        done.actor,
        f"signal_{done.what}",
        f"signal {number}",
        why=done.note,
        before={name: before[name] for name in changed},
        after={name: after[name] for name in changed} | news | signature,
    )
    at = time.time()
    table = tables.workflow
    row = after | {"signal_id": number, "revision": revision + 1, "since": at}
    if "state" in changed:
        row |= dict(zip(("n", "position"), done.ended or (None, None), strict=True))
    else:
        since = connection.scalar(select(table.c.since).where(table.c.signal_id == number))
        raised = select(tables.signals.c.raised_at).where(tables.signals.c.id == number)
        row["since"] = connection.execute(raised).scalar_one() if since is None else since
    upsert(connection, table, [row])
    stored = json.dumps(detail | signature, ensure_ascii=False, sort_keys=True)
    row = said | {"id": seq, "at": at, "detail": stored}
    connection.execute(insert(tables.acts), [row])
