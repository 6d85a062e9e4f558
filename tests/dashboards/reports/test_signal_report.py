"""What a signal report says, worked out by hand: counts, statistics, cases, quality."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import exp, log2, sqrt
from pathlib import Path

import pytest
from sqlalchemy import update

from dashboards.analysis.figures import Tabulation
from dashboards.reports.figures import Statistic
from dashboards.reports.model import Report
from detectors.disproportionality.ebgm import ebgm
from detectors.disproportionality.gps import Prior
from detectors.onset import onset
from streams.store import tables
from streams.store.fits import Fit, Fits
from tests.dashboards.followups import clinic
from tests.dashboards.reports.support import Told, background, cystitis, report, told


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with told(tmp_path / "data", monkeypatch) as made:
        yield made


@pytest.fixture
def made(store: Told) -> Report:
    """80 others (4 with cystitis), 8 of esketamine with cystitis, 2 with nausea, and slips."""
    store.tell(background(1, 80))
    store.checkpoint()
    store.at += timedelta(days=1)
    store.tell(cystitis(100, 8))
    store.tell([report(200, "Spravato", "Nausea"), report(201, "Ketanest", "Nausea")])
    store.tell([report(202, "Spravato", "Cystitis", report_type="solicited")])
    first = cystitis(100, 1)[0]
    store.tell([first])  # again
    store.tell([first | {"version": 2, "country": "IT"}])
    store.tell([report(203, "Spravato", "Cystitis")])
    store.tell([report(203, "Spravato", "Cystitis", version=2, status="nullified")])
    store.tell([first | {"version": 7}], faults=(("too_small", "x", "not in order"),))
    store.tell([report(204, "Spravato", "Zzyzx disease", given={"role": "concomitant"})])
    return store.made()


def statistic(made: Report, name: str) -> Statistic:
    return next(one for one in made.pairs[0].statistics if one.name == name)


def table(made: Report, name: str) -> Tabulation:
    return next(one for one in made.tabulations if one.name == name)


def test_the_table_counts_cases_once_by_their_newest_version(made: Report) -> None:
    cells = made.pairs[0].cells
    # esketamine: 8 and 1 with nausea; ketamine and 80 others; one names esketamine as concomitant
    assert (cells.a, cells.b, cells.c, cells.d) == (8, 1, 4, 78)
    assert (cells.n_product, cells.n_event, cells.n_total) == (9, 12, 91)


def test_solicited_reports_stand_in_a_table_of_their_own(made: Report) -> None:
    assert [one.dataset for one in made.pairs] == ["spontaneous", "solicited"]
    cells = made.pairs[1].cells
    assert (cells.a, cells.b, cells.c, cells.d) == (1, 0, 0, 0)


def test_every_statistic_follows_from_the_four_counts(made: Report) -> None:
    prr = statistic(made, "prr")
    value = (8 / 9) / (4 / 82)
    s = sqrt(1 / 8 - 1 / 9 + 1 / 4 - 1 / 82)
    assert prr.value == pytest.approx(value)
    assert prr.lower == pytest.approx(value * exp(-1.959964 * s), rel=1e-6)
    assert prr.upper == pytest.approx(value * exp(1.959964 * s), rel=1e-6)
    assert statistic(made, "ror").value == pytest.approx(8 * 78 / (1 * 4))
    expected = 9 * 12 / 91
    assert statistic(made, "expected").value == pytest.approx(expected)
    assert statistic(made, "ic").value == pytest.approx(log2(8.5 / (expected + 0.5)))
    difference = abs(8 * 78 - 1 * 4)
    chi2 = 91 * (difference - 91 / 2) ** 2 / (9 * 82 * 12 * 79)
    assert statistic(made, "chi2_yates").value == pytest.approx(chi2)
    assert "= (8 / 9) / (4 / 82) = 18.22" in prr.steps


def test_ebgm_has_the_prior_of_the_checkpoint_and_says_so(store: Told, made: Report) -> None:
    assert made.pairs[0].prior is None
    assert made.pairs[0].no_prior.startswith("the likelihood is highest where")
    assert made.pairs[1].no_prior.startswith("no checkpoint")
    store.checkpoint()
    fits = Fits(store.position, {"spontaneous": Fit(40, Prior(0.2, 0.06, 1.4, 1.8, 0.1))})
    with store.filled.store.write() as connection:
        where = tables.checkpoints.c.position == store.position
        connection.execute(update(tables.checkpoints).where(where).values(fits=fits.to_json()))
    again = store.made()
    prior = again.pairs[0].prior
    assert prior is not None
    assert prior.position == again.origin.checkpoint == store.position
    cells = again.pairs[0].cells
    found = ebgm(
        cells.a,
        cells.n_product * cells.n_event / cells.n_total,
        Prior(prior.alpha1, prior.beta1, prior.alpha2, prior.beta2, prior.p),
    )
    held = statistic(again, "ebgm")
    assert (held.value, held.lower, held.upper) == pytest.approx(tuple(map(float, found[:3])))
    assert held.level == 0.9


def test_rules_say_whether_they_hold_and_since_when_by_system_and_by_data(made: Report) -> None:
    rules = {rule.name: rule for rule in made.rules}
    held = rules["evans_prr"]
    assert held.holds
    assert [(c.column, c.op, c.value) for c in held.conditions] == [
        ("prr", ">=", 2.0),
        ("chi2_yates", ">=", 4.0),
        ("n", ">=", 3.0),
    ]
    assert (held.first_at, held.data_date) == ("2026-03-02T12:00:00Z", "2026-02-20")
    assert not rules["eb05"].holds
    assert rules["eb05"].first_position is None
    assert rules["designated_event"].n == 0


def test_the_way_of_the_reports_adds_up(made: Report) -> None:
    q = made.quality
    # 80 + 8 + 2 + 1 + repeat + correction + 203 twice + slip + 204; the slip was not the newest
    assert q.received == 80 + 8 + 2 + 1 + 1 + 1 + 2 + 1 + 1
    assert q.accepted == q.received - 2
    assert q.received == q.accepted + q.not_counted
    assert q.accepted == q.cases + q.superseded
    assert (q.superseded, q.nullified) == (2, 1)
    assert q.active == q.cases - 1 == 92
    assert (q.in_dataset, q.with_product, q.with_event, q.with_pair) == (91, 9, 12, 8)


def test_the_listing_has_each_case_as_its_newest_version_said(made: Report) -> None:
    assert len(made.cases) == 8
    assert [one.report_id for one in made.cases] == [f"clinic-a/{100 + i}" for i in range(8)]
    first = made.cases[0]
    assert (first.version, first.country, first.age_years, first.sex) == (2, "IT", 60.0, "male")
    assert (first.started_at, first.onset_at, first.latency_days) == ("2026-01-01", "2026-01-03", 2)
    assert (first.route, first.setting, first.dose_mg) == ("intranasal", "clinic", 56.0)
    assert (first.dechallenge, first.outcome) == ("positive", "recovered")


def test_tabulations_stand_beside_the_other_cases_of_product_and_dataset(made: Report) -> None:
    rows = {row.value: (row.pair, row.product, row.others) for row in table(made, "sex").rows}
    assert rows == {"female": (4, 0, 41), "male": (4, 1, 41)}
    serious = {row.value: row.pair for row in table(made, "seriousness").rows}
    assert serious == {"hospitalisation": 4, "not serious": 4}
    country = {row.value: row.pair for row in table(made, "country").rows}
    assert country == {"DE": 5, "FR": 2, "IT": 1}
    for one in made.tabulations:
        if not one.several:
            assert sum(row.pair for row in one.rows) == 8
            assert sum(row.pair + row.product + row.others for row in one.rows) == 91


def test_time_to_onset_is_fitted_to_the_days_truncated_at_each_report(made: Report) -> None:
    held = made.onset
    assert held.days == (2, 4, 6, 8, 10, 12, 14, 16)
    assert (held.n, held.left_out, held.median) == (8, 0, 9.0)
    # from the 1st of January to the 20th of February
    found = onset(list(held.days), 50)
    assert (held.shape, held.scale) == pytest.approx((found.shape, found.scale))
    assert held.reading == found.reading


def test_a_part_of_the_population_has_a_table_of_its_own(made: Report) -> None:
    parts = {(p.comparator, p.subgroup, p.without): p for p in made.parts}
    women = parts["all products", "sex=female", ""]
    assert (women.n, women.n_product) == (4, 4)
    assert women.n_total == sum(
        row.pair + row.product + row.others
        for row in table(made, "sex").rows
        if row.value == "female"
    )
    lithium = parts["lithium", "all", ""]
    assert (lithium.n, lithium.n_product, lithium.n_total) == (8, 9, 9 + 20)


def test_case_features_are_counted(made: Report) -> None:
    held = made.features
    assert (held.cases, held.serious, held.fatal) == (8, 4, 0)
    assert (held.positive_dechallenge, held.professional, held.senders) == (8, 8, 1)
    assert held.largest_sender == 8


def test_sequential_evidence_tells_each_closed_look(store: Told, made: Report) -> None:
    assert [one.size for one in made.sequential] == [60]
    assert made.sequential[0].looks == 1  # that of the first day is closed
    store.at += timedelta(days=1)
    store.checkpoint()
    again = store.made().sequential[0]
    assert again.looks == 2
    (look,) = again.reported
    # ten of esketamine and ketamine on that day, and one that was void later; none is rewritten
    assert (look.day, look.n, look.n_product) == ("2026-03-02", 9, 10)


def test_a_pair_that_keeps_coming_is_confirmed_and_the_report_has_the_look(store: Told) -> None:
    for day in range(12):
        on = store.at.date().isoformat()
        others, own = background(1 + 100 * day, 60, day=on), cystitis(20_000 + 100 * day, 12)
        store.tell(others + [body | {"received_at": on} for body in own])
        store.at += timedelta(days=1)
    store.checkpoint()
    made = store.made(number=store.signal("confirmed"))
    (held,) = made.sequential
    found = held.confirmation
    assert found is not None
    assert found.log_e >= found.asked
    assert found.among >= 1
    assert not found.suspended
    (look,) = [look for look in held.reported if look.day == found.day]
    assert look.log_e_sup == pytest.approx(found.log_e)
    rule = next(rule for rule in made.rules if rule.kind == "confirmed")
    assert (rule.name, rule.holds) == ("sequential_evidence", True)


def test_the_cohort_stands_beside_the_reports(store: Told) -> None:
    store.tell(clinic(), "followups")
    pair = ("spontaneous", "ketamine", "Haematuria")
    store.tell(background(1, 40))
    store.tell(
        [
            report(500 + i, "Ketalar", "Haematuria", given={"route": "oral", "setting": "home"})
            for i in range(5)
        ]
    )
    store.checkpoint()
    cohort = store.made(number=store.signal(pair=pair)).cohort
    assert cohort is not None
    whole = next(r for r in cohort.rates if (r.product, r.axis) == ("ketamine", ""))
    # 9 courses at home, 6 of them with blood in the urine on day 100, 3 clear to day 365
    assert (whole.n, whole.courses) == (6, 9)
    assert whole.rate == pytest.approx(100 * 6 / (whole.person_days / 365.25))
    assert cohort.steps[0].startswith("rate = n / t")
    others = next(a for a in cohort.against if a.reference == "other products of the cohort")
    assert others.n_reference == 1
    assert others.ratio == pytest.approx((6 / others.time) / (1 / others.time_reference), rel=1e-9)


def test_nobody_has_done_anything_yet(made: Report) -> None:
    assert made.moves == ()
    assert made.subject.state == "new"
    assert [entry.detail["rule"] for entry in made.history][:2] == ["ic025", "evans_prr"]


def test_limitations_say_what_reports_cannot_show(made: Report) -> None:
    text = " ".join(made.limitations)
    assert "do not prove" in text
    assert "no incidence" in text
