"""The state of signals: what the detector raised, and where people have taken it.

The detector writes `signals` and knows no state; `workflow` and `acts` are written by the web
process. A signal without a row in `workflow` is new.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import FromClause, func, select

from streams.store import tables

# of GVP Module IX, in their order
STATES: Final = (
    "new",
    "under_validation",
    "validated",
    "prioritised",
    "under_assessment",
    "closed",
    "refuted",
)
ENDED: Final = ("closed", "refuted")
PRIORITIES: Final = ("high", "normal")


def _now() -> FromClause:
    signals, workflow = tables.signals, tables.workflow
    own = (
        "revision",
        "owner",
        "due",
        "causality",
        "rucam",
        "reason",
        "proposed",
        "proposed_by",
        "since",
    )
    return (
        select(
            *(column for column in signals.c if column.name != "priority"),
            func.coalesce(workflow.c.state, "new").label("state"),
            func.coalesce(workflow.c.priority, signals.c.priority).label("priority"),
            *(workflow.c[name] for name in own),
        )
        .select_from(signals.outerjoin(workflow, workflow.c.signal_id == signals.c.id))
        .subquery("signals_now")
    )


# every signal with its state, and the priority that people gave it or the detector's
NOW: Final = _now()
