"""Reports over the sessions of those senders whose sessions are known: registries that report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from dashboards.board.rates import NOTHING, Limits, limits
from detectors.coding import base
from detectors.followup import exposure
from detectors.followup.content import decode_content
from detectors.followup.course import decode_course, state_of
from detectors.followup.rates import rate
from detectors.followup.spells import doses
from streams.store import tables
from streams.store.course_content import last_changes
from streams.store.enclosed import ERASED, disclosed

PER = 1_000  # sessions


@dataclass(frozen=True, slots=True)
class Exposed:
    """Of a sender that is also a registry: its reports of a pair, and sessions with the product."""

    sender: str
    n: int
    sessions: int
    rate: Limits


def exposed(connection: Connection, product: str, senders: Iterable[str]) -> tuple[Exposed, ...]:
    """For each sender of reports (one name a report) whose courses are followed, by its name.

    Reports per 1,000 sessions of courses in which the product was given. A report can be of a
    patient who is in no course, and a session of one who never is reported: it is no incidence.
    """
    reports, table = Counter(senders), tables.courses
    if product != base(product) or not reports:
        return ()
    rows = connection.execute(
        select(table.c.id, table.c.registry, table.c.state).where(
            table.c.registry.in_(list(reports))
        )
    )
    sessions, erased = Counter[str](), dict[int, str]()
    for number, registry, held in rows.yield_per(1_000):
        if held == ERASED:
            erased[number] = registry
            continue
        course = decode_course(disclosed(connection, held))
        state = state_of(course, exposure.STREAM.name)
        assert isinstance(state, exposure.State)
        if any(stratum.product == product for stratum in state.strata):
            sessions[registry] += len(doses(state))
    # of an erased course its last change says on which days something was given
    for number, change in last_changes(connection, list(erased)).items():
        counted = decode_content(change.payload)
        if any(stratum.product == product for stratum in counted.strata):
            sessions[erased[number]] += len(counted.days.get("dose", ()))
    return tuple(
        Exposed(
            sender,
            reports[sender],
            met,
            limits(rate([reports[sender]], [met / PER]))[0] if met else NOTHING,
        )
        for sender, met in sorted(sessions.items())
    )
