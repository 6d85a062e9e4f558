"""Esketamine: the label's weeks 1 to 4, the programme, the long run."""

from __future__ import annotations

import numpy as np

from streams.simulate.cohort.body import episodes
from streams.simulate.cohort.cohort import Cohort
from streams.simulate.cohort.patients import OLD
from streams.simulate.cohort.published.row import (
    Section,
    a_year,
    cohort,
    counted,
    ever,
    near,
    percent,
    rows_of,
)
from streams.simulate.cohort.reports import FORM, RAISED, form
from streams.simulate.cohort.table import Floats, Table

_YEARS = 3777  # of SUSTAIN-3


def sections() -> list[Section]:
    """The label's weeks, then the programme and the long run of one cohort."""
    whole = cohort("esketamine", 8_000, 730)
    return [_weeks(), _programme(whole), _long(whole)]


def _weeks() -> Section:
    found = Section("Esketamine, weeks 1 to 4, percent of patients", "US label, 2021 reprint")
    of = cohort("esketamine", 16_000, 26)
    cadss, moaas = rows_of(of, "dissociation"), rows_of(of, "sedation")
    score = moaas.column("score")
    found.add(
        "CADSS above 4",
        "61-84",
        ever(of, cadss.course, cadss.column("score") > 4),
        (61, 84),
        "J&J dissociation page, 2024",
    )
    found.add("MOAA/S 4 or less", "48-61", ever(of, moaas.course, score <= 4), (48, 62))
    found.add("MOAA/S 0", "0.3-0.4", ever(of, moaas.course, score == 0), (0.2, 0.5), digits=2)
    signs = rows_of(of, "vital_signs")
    old = of.people.age >= OLD
    after = signs.column("minutes") > 0
    systolic, diastolic = signs.column("systolic_mmhg"), signs.column("diastolic_mmhg")
    for what, which, young, aged in (
        ("systolic rise of 40 or more", _rise(signs, systolic) >= 40, 29, 12),
        ("diastolic rise of 25 or more", _rise(signs, diastolic) >= 25, 46, 10),
        ("systolic 180 or more", after & (systolic >= 180), 9, 2),
        ("diastolic 110 or more", after & (diastolic >= 110), 13, None),
    ):
        for group, among, events, n in (
            ("below 65 years", ~old, young, 346),
            ("from 65 years on", old, aged, 72),
        ):
            if events is not None:
                share = 100 * events / n
                simulated = ever(of, signs.course, which, among)
                name = f"{what} mmHg, {group}"
                found.add(name, f"{share:.1f} ({events} of {n})", simulated, counted(share, n))
    return found


def _rise(signs: Table, values: Floats) -> Floats:
    """How far each reading lies above the one before the dose of its day; NaN for that one."""
    minutes = signs.column("minutes")
    key = signs.course * 10_000 + signs.day
    before = np.flatnonzero(minutes < 0)
    before = before[np.argsort(key[before])]
    place = before[np.minimum(np.searchsorted(key[before], key), len(before) - 1)]
    return np.where((key[place] == key) & (minutes > 0), values - values[place], np.nan)


def _programme(of: Cohort) -> Section:
    found = Section("Esketamine programme", "REMS, 58,483 patients, 1,486,213 sessions")
    people, given = of.people, of.sessions
    said, counts = form(of), given.counts()
    women, age = people.female[given.course], people.age[given.course]
    raised = said[RAISED]
    for what, published, which, bounds in (
        ("dissociation, percent of sessions", "41.0", said[FORM[0]], near(41.0, 0.05)),
        ("sedation, percent of sessions", "34.7", said[FORM[1]], near(34.7, 0.05)),
        ("raised blood pressure, percent of sessions", "0.9", raised, near(0.9, 0.2)),
        ("the same, men", "1.1", raised[~women], near(1.1, 0.2)),
        ("the same, women", "0.8", raised[women], near(0.8, 0.2)),
        ("the same, below 25 years", "0.5", raised[age < 25], (0.3, 0.8)),
        ("the same, above 55 years", "1.1", raised[age > 55], (0.8, 1.4)),
        ("9 sessions or more, percent of patients", "75.1", counts >= 9, near(75.1, 0.03)),
        ("13 sessions or more, percent of patients", "60.3", counts >= 13, near(60.3, 0.03)),
        ("women, percent of patients", "61.1", people.female, near(61.1, 0.03)),
    ):
        found.add(what, published, percent(which), bounds, digits=2 if "same" in what else 1)
    sedated = ever(of, given.course, said[FORM[1]])
    found.add("sedation ever, percent of patients", "61.9", sedated, near(61.9, 0.04))
    found.add("sessions a patient", "25.4", counts.mean(), near(25.4, 0.06))
    found.add("median age", "42", np.median(people.age), (41, 43))
    early, late = (said[FORM[1]][rows].mean() for rows in (given.number <= 2, given.number > 12))
    found.add(
        "sedation, first two sessions over those from the 13th on",
        "falls through induction, then flat",
        early / late,
        (1.1, 2.0),
        digits=2,
    )
    return found


def _long(of: Cohort) -> Section:
    found = Section(
        "Esketamine over the long run", "SUSTAIN-3, 1,148 patients, 3,777 patient-years"
    )
    given, years = of.sessions, of.patient_years
    reason = rows_of(of, "exit").column("reason")
    for what, published, name in (
        ("stopped for adverse events, percent of patients", 6.4, "adverse_event"),
        ("stopped for want of effect, percent of patients", 5.3, "no_efficacy"),
    ):
        simulated = 100 * np.count_nonzero(reason == name) / len(of.people)
        found.add(what, f"{published}", simulated, counted(published, 1148))
    ideation = rows_of(of, "suicidality").column("ideation")
    tests = rows_of(of, "liver")
    for what, events, rows in (
        ("deaths", 9, reason == "death"),
        ("serious suicidality", 28, ideation == 5),
        ("ALT raised (3 times the limit or more here)", 22, tests.column("alt_xuln") >= 3),
        ("GGT raised (3 times the limit or more here)", 29, tests.column("ggt_xuln") >= 3),
    ):
        simulated = 100 * np.count_nonzero(rows) / years
        text = f"{100 * events / _YEARS:.2f} ({events})"
        found.add(
            f"{what}, per 100 patient-years", text, simulated, a_year(events, _YEARS), digits=2
        )
    whole = given.until >= given.first + 364
    begun = episodes(of.plan, given)[whole] < given.first[whole] + 365
    found.add(
        "urinary events within a year, percent of patients",
        "17 (136 of 802)",
        percent(begun),
        counted(17.0, 802),
        "SUSTAIN-2",
    )
    madrs = rows_of(of, "mood", "MADRS")
    at_four = np.abs(madrs.day - given.first[madrs.course] - 29) <= 1
    found.add(
        "MADRS 12 or less at week 4, percent of patients",
        "22.5",
        percent(madrs.column("score")[at_four] <= 12),
        near(22.5, 0.1),
        "monotherapy trial (Becker's)",
    )
    return found
