"""The cases of a pair: line listing, tabulations beside the other cases, time to onset, quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import isnan
from statistics import median

import numpy as np

from dashboards.analysis.figures import Features, Line, Onset, Stated
from dashboards.analysis.fold import Body, Case
from detectors.coding import COUNTED, base
from detectors.onset import onset
from schemas import times
from schemas.vocabulary import Vocabulary

NOT_STATED = "not stated"
PROFESSIONALS = frozenset({"physician", "pharmacist", "other_health_professional"})
_DAY = 10  # characters of a date that names a day


def line(case: Case, body: Body, product: str, terms: Iterable[str], names: Vocabulary) -> Line:
    """A case as a row of the listing of a product with some terms."""
    change, patient = case.change, body.get("patient") or {}
    coded = next(p for p in change.products if p.name == base(product) and p.role in COUNTED)
    wanted = set(terms)
    reactions = list(body.get("reactions", ()))
    own = [r for r in reactions if names.event(r["term"]).name in wanted] or reactions
    sent = list(body.get("products", ()))
    same = [p for p in sent if names.product(p["name"]).name == coded.name]
    begun = _earliest(p.get("started_at") for p in same)
    began = _earliest(r.get("onset_at") for r in own)
    seriousness = sorted({s for r in reactions for s in r.get("seriousness", ())})
    return Line(
        sender=case.sender,
        report_id=case.report_id,
        version=case.versions[-1].number,
        received_at=body.get("received_at", ""),
        report_type=body.get("report_type") or "",
        country=body.get("country") or "",
        reporter=body.get("reporter") or "",
        age_years=patient.get("age_years"),
        sex=patient.get("sex") or "",
        role=coded.role,
        dose_mg=next((p["dose_mg"] for p in same if p.get("dose_mg") is not None), None),
        route=coded.route,
        setting=coded.setting,
        phase=_first(p.get("phase") for p in same),
        started_at=begun,
        onset_at=began,
        latency_days=latency(begun, began),
        terms=tuple(event.name for event in change.events),
        serious=change.serious,
        seriousness=tuple(seriousness),
        outcome=_worst(r.get("outcome") for r in own),
        dechallenge=_first(p.get("dechallenge") for p in same),
        rechallenge=_first(p.get("rechallenge") for p in same),
        other_suspects=tuple(
            p.name for p in change.products if p.role in COUNTED and p.name != coded.name
        ),
        concomitants=tuple(p.name for p in change.products if p.role not in COUNTED),
        erased=case.erased,
    )


def latency(started_at: str, onset_at: str) -> int | None:
    """Days from start to onset, where both name a day and the onset is not before the start.

    >>> latency("2026-07-01", "2026-07-03"), latency("2026-07", "2026-07-03"), latency("", "")
    (2, None, None)
    """
    if len(started_at) < _DAY or len(onset_at) < _DAY:
        return None
    days = times.day(onset_at) - times.day(started_at)
    return days if days >= 0 else None


def features(cases: Sequence[Case], lines: Sequence[Line]) -> Features:
    """How many of the cases weigh in an assessment."""
    senders = Counter(case.sender for case in cases)
    return Features(
        cases=len(cases),
        serious=sum(case.change.serious for case in cases),
        fatal=sum(case.change.fatal for case in cases),
        professional=sum(one.reporter in PROFESSIONALS for one in lines),
        positive_dechallenge=sum(one.dechallenge == "positive" for one in lines),
        positive_rechallenge=sum(one.rechallenge == "positive" for one in lines),
        with_time_to_onset=sum(one.latency_days is not None for one in lines),
        single_suspect=sum(not one.other_suspects for one in lines),
        senders=len(senders),
        largest_sender=max(senders.values(), default=0),
    )


def stated(lines: Sequence[Line]) -> tuple[Stated, ...]:
    """In how many cases each field that an assessment needs was stated."""
    fields: tuple[tuple[str, Callable[[Line], bool]], ...] = (
        ("age", lambda x: x.age_years is not None),
        ("sex", lambda x: x.sex not in ("", "unknown")),
        ("country", lambda x: bool(x.country)),
        ("reporter", lambda x: x.reporter not in ("", "unknown")),
        ("route", lambda x: bool(x.route)),
        ("setting", lambda x: bool(x.setting)),
        ("dose", lambda x: x.dose_mg is not None),
        ("start of treatment", lambda x: bool(x.started_at)),
        ("onset", lambda x: bool(x.onset_at)),
        ("outcome", lambda x: x.outcome not in ("", "unknown")),
        ("dechallenge", lambda x: x.dechallenge in ("positive", "negative")),
        ("rechallenge", lambda x: x.rechallenge in ("positive", "negative", "not_done")),
    )
    return tuple(
        Stated(field=name, n=sum(map(test, lines)), of=len(lines)) for name, test in fields
    )


def time_to_onset(lines: Sequence[Line]) -> Onset:
    """Days to onset, each truncated at what its report could have told of, and the Weibull fit."""
    days, bounds = [], []
    for one in lines:
        if one.latency_days is None:
            continue
        bound = times.day(one.received_at) - times.day(one.started_at)
        # an onset after its own report is a mistake in a date
        if one.latency_days <= bound:
            days.append(one.latency_days)
            bounds.append(bound)
    order = np.argsort(np.array(days, dtype=np.int64), kind="stable").tolist()
    days, bounds = [days[i] for i in order], [bounds[i] for i in order]
    fit = onset(days, np.array(bounds, dtype=np.float64)) if days else onset([], [])
    known = {
        name: None if isnan(getattr(fit, name)) else float(getattr(fit, name))
        for name in (
            "shape",
            "shape_lower",
            "shape_upper",
            "scale",
            "scale_lower",
            "scale_upper",
        )
    }
    return Onset(
        n=len(days),
        left_out=len(lines) - len(days),
        minimum=days[0] if days else None,
        median=float(median(days)) if days else None,
        maximum=days[-1] if days else None,
        days=tuple(days),
        reading=fit.reading,
        **known,
    )


_OUTCOMES = ("fatal", "sequelae", "not_recovered", "recovering", "recovered", "unknown")


def _worst(outcomes: Iterable[str | None]) -> str:
    known = [outcome for outcome in outcomes if outcome]
    return min(known, key=_OUTCOMES.index) if known else ""


def _earliest(moments: Iterable[str | None]) -> str:
    known = [moment for moment in moments if moment]
    return min(known, key=times.sort_key) if known else ""


def _first(values: Iterable[str | None]) -> str:
    return next((value for value in values if value), "")
