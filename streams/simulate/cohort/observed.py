"""Courses in memory, as the follow-up detectors take them: no JSON, no log, no store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple, get_args

import numpy as np

from detectors.followup.record import Observed
from schemas.followup import Followup
from schemas.report import Biomarker
from streams.simulate.cohort.amiss import Sent
from streams.simulate.cohort.cohort import Cohort
from streams.simulate.cohort.writing import COURSE, Names

_MODELS: dict[str, Any] = {
    get_args(model.model_fields["kind"].annotation)[0]: model
    for model in get_args(get_args(Followup)[0])
}
_CODED = frozenset({"enrolment", "dose", "dispensing"})
# within a day, as `Observed.order` has it
_RANK = {"enrolment": 0, "dose": 1, "exit": 3}
_CHUNK = 200  # courses that are in memory at once


class Followed(NamedTuple):
    """One course: its records in order, and when each of them was sent (days of the calendar)."""

    course: int
    records: list[Observed]
    sent: list[float]


def followed(cohort: Cohort, origin: date) -> Iterator[Followed]:
    """Each course with the newest version of each record that is not void.

    The same as what follows from the JSON of `writing.followups`, at a fraction of the cost.

    >>> from detectors.followup.course import fold
    >>> from streams.simulate.cohort.cohort import simulate
    >>> from streams.simulate.cohort.plan import Plan
    >>> one, *others = followed(simulate(Plan(courses=5, days=60)), date(2025, 1, 1))
    >>> fold(one.records).n == len(one.records), len(others)
    (True, 4)
    """
    names = Names(cohort, origin)
    newest = {kind: rows.take(rows.newest) for kind, rows in cohort.records.items()}
    orders = {kind: np.argsort(one.table.course, kind="stable") for kind, one in newest.items()}
    places = {kind: newest[kind].table.course[order] for kind, order in orders.items()}
    for start in range(0, len(cohort.people), _CHUNK):
        courses = range(start, min(start + _CHUNK, len(cohort.people)))
        held: dict[int, list[_Placed]] = {course: [] for course in courses}
        for kind, records in newest.items():
            low, high = np.searchsorted(places[kind], [courses.start, courses.stop])
            rows = records.take(orders[kind][low:high])
            for course, one in zip(
                places[kind][low:high].tolist(), _made(cohort, names, kind, rows), strict=True
            ):
                held[course].append(one)
        for course, placed in held.items():
            placed.sort()
            yield Followed(course, [one[-1] for one in placed], [one[-2] for one in placed])


# the record's place, as `Observed.order` has it, its sending and itself; ids differ
_Placed = tuple[int, int, float, float, str, float, Observed]


def _made(cohort: Cohort, names: Names, kind: str, rows: Sent) -> Iterator[_Placed]:
    table = rows.table
    build = _builder(kind)
    same, lists = table.lists(compact=False)
    if kind == "biomarker":
        lists["biomarkers"] = [tuple(map(_marker, values)) for values in lists["biomarkers"]]
    fields = list(lists)
    days = (table.day + names.origin.toordinal()).tolist()
    instants = (np.array(days) + np.maximum(table.second, 0) / 86_400).tolist()
    coded = [(arm.product, arm.route if kind != "dispensing" else "") for arm in cohort.people.arms]
    arms = cohort.people.arm[table.course].tolist()
    rank = _RANK.get(kind, 2)
    minutes = lists.get("minutes") or [None] * len(table)
    columns = zip(*lists.values(), strict=True) if lists else iter([()] * len(table))
    for course, id_, version, at, day, instant, timed, arm, minute, sent, values in zip(
        table.course.tolist(),
        names.ids(kind, table.course, rows.number),
        rows.version.tolist(),
        names.moments(table),
        days,
        instants,
        (table.second >= 0).tolist(),
        arms,
        minutes,
        rows.sent.tolist(),
        columns,
        strict=True,
    ):
        record = build(
            {
                "registry": names.registry[course],
                "record_id": id_,
                "version": version,
                "patient": names.patient[course],
                "course": COURSE,
                "at": at,
                **same,
                **dict(zip(fields, values, strict=True)),
            }
        )
        product, route = coded[arm] if kind in _CODED else ("", "")
        one = Observed(id_, day, instant, timed, record, product, route)
        yield day, rank, -1e6 if minute is None else minute, instant, id_, sent, one


@lru_cache(maxsize=64)
def _value(name: str, value: str) -> Biomarker:
    return Biomarker(name=name, value=value)


def _marker(of: dict[str, str]) -> Biomarker:
    return _value(of["name"], of["value"])


def _builder(kind: str) -> Callable[[dict[str, Any]], Any]:
    """What makes a record of values that are known to be right.

    As pydantic's own `model_construct` does, but five times as fast, since the defaults are
    looked up once.
    """
    model = _MODELS[kind]
    defaults = {
        name: field.default for name, field in model.model_fields.items() if not field.is_required()
    } | {"kind": kind}
    put = object.__setattr__
    fields = set(model.model_fields)

    def build(values: dict[str, Any]) -> Any:
        record = model.__new__(model)
        put(record, "__dict__", defaults | values)
        put(record, "__pydantic_fields_set__", fields)
        put(record, "__pydantic_extra__", None)
        put(record, "__pydantic_private__", None)
        return record

    return build
