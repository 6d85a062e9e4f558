"""Drift of coding: counted by hand, and how often it is told where nothing drifts."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from detectors.drift import ALPHA, FEWER, MORE, Drift, drifts, named
from detectors.sequential.change import change
from schemas.envelope import Change, CodedEvent, CodedProduct


def counts(months: dict[int, dict[str, int]], sender: str = "a") -> dict[tuple[str, str, str], int]:
    """`{1: {"reports": ..., "uncoded": ...}}`, by the number of the month."""
    names = {"reports": "reports", "uncoded": "uncoded event", "urinary": "group:urinary"}
    return {
        (sender, f"2026-{month:02d}", names[what]): n
        for month, of in months.items()
        for what, n in of.items()
    }


def test_a_report_names_each_thing_once_and_counts_as_a_report() -> None:
    events = (
        CodedEvent("Cystitis", 1, ("urinary",)),
        CodedEvent("Pollakiuria", 1, ("urinary", "renal")),
        CodedEvent("xyz", 1, matched=False),
        CodedEvent("zyx", 1, matched=False),
    )
    products = (CodedProduct("zzz", "suspect", 1, matched=False),)
    assert named(Change("case", products=products, events=events)) == [
        "reports",
        "group:renal",
        "group:urinary",
        "uncoded event",
        "uncoded product",
    ]


def test_a_month_is_compared_with_all_of_the_twelve_before_it() -> None:
    past = {month: {"reports": 10 * month, "uncoded": month} for month in range(1, 12)}
    given = counts(past | {12: {"reports": 50, "uncoded": 20}})
    (more, fewer) = drifts(given, ["2026-12"])
    assert (more.y, more.n, more.y_past, more.n_past) == (20, 50, 66, 660)
    assert (more.direction, fewer.direction) == (MORE, FEWER)
    assert more.log_e == pytest.approx(float(change(20, 50, 66, 660)))
    assert fewer.log_e == pytest.approx(float(change(30, 50, 594, 660)))
    assert more.limit == pytest.approx(log(2 / ALPHA))
    assert more.drifts
    assert not fewer.drifts
    older = {("a", "2025-01", "reports"): 1_000, ("a", "2025-01", "uncoded event"): 1_000}
    assert drifts(given | older, ["2026-12"])[0].n_past == 1_660
    eleven = {f"2025-{m:02d}" for m in range(2, 13)}
    filled = {("a", month, "reports"): 1 for month in eleven}
    assert drifts(given | older | filled, ["2026-12"])[0].n_past == 660 + 1


def test_fewer_of_a_group_is_a_drift_too() -> None:
    given = counts({1: {"reports": 1_000, "urinary": 300}, 2: {"reports": 200, "urinary": 5}})
    found = {one.direction: one for one in drifts(given, ["2026-02"])}
    assert found[FEWER].drifts
    assert not found[MORE].drifts


def test_without_a_past_or_without_reports_nothing_is_said() -> None:
    assert drifts(counts({1: {"reports": 10, "uncoded": 9}}), ["2026-01"]) == []
    assert drifts(counts({1: {"reports": 10, "uncoded": 9}}), ["2026-02"]) == []
    assert drifts({}, ["2026-01"]) == []


def test_more_tests_ask_for_more_evidence() -> None:
    one = counts({1: {"reports": 10, "uncoded": 1}, 2: {"reports": 10}})
    both = one | counts({1: {"reports": 10, "uncoded": 1}, 2: {"reports": 10}}, "b")
    assert [found.limit for found in drifts(both, ["2026-02"])] == [pytest.approx(log(400))] * 4


def test_where_nothing_drifts_a_month_watched_daily_has_a_false_alarm_once_in_a_hundred() -> None:
    """Where the odds have risen by just what is no drift: at most 1 % of months, by simulation."""
    rng = np.random.default_rng(13)
    months, past, share, looks = 600, 300, 0.2, 10
    odds = 1.25 * share / (1 - share)
    y_past = rng.binomial(past, share, months)
    alarm = np.zeros(months, dtype=bool)
    y = np.zeros(months)
    for look in range(1, looks + 1):
        y += rng.binomial(30, odds / (1 + odds), months)
        n = np.full(months, 30 * look)
        alarm |= change(y, n, y_past, np.full(months, past)) >= log(2 / ALPHA)
    assert alarm.mean() <= ALPHA


def test_a_group_touches_its_own_events_and_what_is_not_coded_touches_all() -> None:
    drift = Drift("a", "2026-02", "group:urinary", MORE, 1, 1, 1, 1, 9.0, 5.0)
    assert drift.touches(["urinary", "renal"])
    assert not drift.touches(["hepatic"])
    uncoded = Drift("a", "2026-02", "uncoded event", MORE, 1, 1, 1, 1, 9.0, 5.0)
    assert uncoded.touches([])
