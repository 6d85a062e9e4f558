"""The day a rule first held: against day-by-day recounts, and on real reports."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.casebook import Casebook, CaseContent
from detectors.dating import FirstHeld, History
from detectors.disproportionality.table import PairTable, score
from detectors.rules import holds, read
from tests.detectors.shared import rows

LOOSE = """
[[rule]]
name = "any_prr"
title = "PRR >= 1.2"
source = "none"
conditions = [{ column = "prr", op = ">=", value = 1.2 }]

[[rule]]
name = "two"
title = "n >= 2"
source = "none"
conditions = [{ column = "n", op = ">=", value = 2 }]
"""

dated = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(1, 7)), max_size=3).map(tuple)
cases = st.lists(st.builds(CaseContent, st.just("d"), dated, dated), max_size=12)


def firsts(values: tuple[tuple[str, int], ...]) -> list[int]:
    return [min(day for name, day in values if name == held) for held in dict(values)]


def as_of(contents: list[CaseContent], day: int) -> list[CaseContent]:
    """The cases of a day, holding what they held by then; one that held nothing was not there."""

    def by_then(values: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
        return tuple(value for value in values if value[1] <= day)

    held = [CaseContent("d", by_then(c.products), by_then(c.events)) for c in contents]
    return [
        now
        for now, in_the_end in zip(held, contents, strict=True)
        if now.products or now.events or not (in_the_end.products or in_the_end.events)
    ]


@settings(max_examples=80, deadline=None)
@given(contents=cases)
def test_the_fold_over_days_equals_a_recount_of_each_day(contents: list[CaseContent]) -> None:
    rules = read(LOOSE)
    history = History(Casebook.of((i, 1, c) for i, c in enumerate(contents)), "d")
    pairs = [(p, e) for p in "ABC" for e in "ABC"]
    expected: list[dict[str, FirstHeld | None]] = [{"any_prr": None, "two": None} for _ in pairs]
    days = sorted({d for c in contents for held in (c.products, c.events) for d in firsts(held)})
    assert history.days.tolist() == days
    for day in days:
        book = Casebook.of((i, 1, c) for i, c in enumerate(as_of(contents, day)))
        for pair, dates in zip(pairs, expected, strict=True):
            n, n_product, n_event, n_total = book.counts("d", *pair)
            table = PairTable.of(
                [""], [""], n=[n], n_product=[n_product], n_event=[n_event], n_total=[n_total]
            )
            for name, held in holds(rules, table.counts | score(table)).items():
                if held[0] and dates[name] is None:
                    dates[name] = FirstHeld(day, n)
    assert history.first_held(pairs, rules) == expected


@settings(max_examples=80, deadline=None)
@given(contents=cases, since=st.integers(0, 8))
def test_day_by_day_every_case_enters_once_and_every_day_is_a_table(
    contents: list[CaseContent], since: int
) -> None:
    history = History(Casebook.of((i, 1, c) for i, c in enumerate(contents)), "d")
    days = [day for day in history.days.tolist() if day >= since]
    for product, event in (("A", "A"), ("B", "C")):
        expected = {day: [0.0] * 4 for day in days}
        for one in contents:
            held = [
                {name: min(d for n, d in values if n == name) for name, _ in values}
                for values in (one.products, one.events)
            ]
            own = [d[name] for d, name in zip(held, (product, event), strict=True) if name in d]
            known = [*held[0].values(), *held[1].values()]
            if not known and not len(history.days):
                continue
            first = min(known, default=history.days[0])
            day = max(own, default=first)
            if day < since:
                continue
            has, hit = product in held[0], event in held[1]
            row = expected[day]
            row[0] += has and hit
            row[1] += has
            row[2] += hit and not has
            row[3] += not has
        found = history.by_day(product, event, since)
        assert [list(row) for row in zip(*(c.tolist() for c in found), strict=True)] == list(
            expected.values()
        )


def test_nothing_seen_nothing_held() -> None:
    history = History(Casebook(), "d")
    assert history.first_held([("A", "x")], read())[0] == dict.fromkeys(
        ("ic025", "eb05", "evans_prr", "ror025")
    )
    assert len(history.series("A", "x").day) == 0


def test_rotashield() -> None:
    name = "data/vaers_1998_1999/reports.csv.gz"
    versions = []
    for row in rows(name):
        day = date.fromisoformat(row["received"]).toordinal()
        products = tuple((product, day) for product in row["vax_name"].split("|"))
        events = tuple((event, day) for event in row["pts"].split("|"))
        versions.append((int(row["report_id"]), 1, CaseContent("d", products, events)))
    book = Casebook.of(versions)
    assert book.counts("d", "ROTAVIRUS (ROTASHIELD)", "Intussusception") == (112, 541, 115, 22_227)
    history = History(book, "d")
    pair = ("ROTAVIRUS (ROTASHIELD)", "Intussusception")
    (held,) = history.first_held([pair], read())
    third = FirstHeld(date(1999, 2, 12).toordinal(), 3)
    assert held == {"ic025": third, "eb05": None, "evans_prr": third, "ror025": third}
    series = history.series(*pair)
    before = series.day.tolist().index(third.day) - 1
    assert series.n[before : before + 2].tolist() == [2, 3]
    assert series.n_total[-1] == 22_227
