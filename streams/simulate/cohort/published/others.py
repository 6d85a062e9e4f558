"""Infusions, ketamine at home, cognitive tests, bladder scales, events of published profiles."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import date

import msgspec
import numpy as np

from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.published.row import (
    SEED,
    Section,
    cohort,
    counted,
    ever,
    first_score,
    near,
    percent,
    rows_of,
)
from streams.simulate.cohort.recurring import Reported, recurring
from streams.simulate.cohort.reports import reports
from streams.simulate.cohort.table import Floats
from streams.simulate.facts import Profile, profiles

_PATIENTS = 20_000


def sections() -> list[Section]:
    """One cohort each."""
    return [_infusions(), _home(), _tests(), _bladder(), *_events()]


def _infusions() -> Section:
    found = Section("Infusions in a clinic", "community clinic, n = 203 (Rodrigues 2022)")
    of = cohort("infusion", 8_000, 730)
    given = of.sessions
    signs = rows_of(of, "vital_signs")
    induction = signs.day <= given.first[signs.course] + 25
    high = (signs.column("systolic_mmhg") >= 165) | (signs.column("diastolic_mmhg") >= 100)
    for what, share, course, which in (
        ("165/100 mmHg or more", 44.3, signs.course, high & induction),
        ("dissociation", 35.6, given.course, of.acute.dissociated),
        ("drowsiness", 56.4, given.course, of.acute.sedated),
    ):
        name = f"{what}, percent of patients"
        found.add(name, f"{share}", ever(of, course, which), counted(share, 203))
    survey = "27 clinics, 6,630 patients (Pharmaceuticals 2020)"
    over = given.last - given.first > 365
    found.add(
        "more than 10 treatments, percent",
        "33",
        percent(given.counts() > 10),
        near(33, 0.1),
        survey,
    )
    found.add("treated for over 12 months, percent", "34", percent(over), near(34, 0.15), survey)
    mood = rows_of(of, "mood")
    late = np.abs(mood.day - given.first[mood.course] - 29) <= 1
    before = first_score(of, mood)[mood.course[late]]
    change = 100 * (mood.column("score")[late].mean() / before.mean() - 1)
    small = "22 patients, 8-10 infusions (BMC Psychiatry 2022)"
    found.add("depression score after induction, percent", "-47.2", change, (-54, -40), small)
    return found


def _home() -> Section:
    found = Section("Sublingual at home", "1,247 patients (Hull 2022); by 5 points or more here")
    of = cohort("sublingual", 12_000, 33)
    events = set(figures().form.home_events)
    told = [msgspec.json.decode(one.raw) for one in reports(of, date(2025, 1, 1))]
    share = sum(one["reactions"][0]["term"] in events for one in told) / len(of.people)
    found.add(
        "an adverse event, percent of patients",
        "3.0-4.8",
        100 * share,
        (3.0, 4.8),
        "11,441 patients (Mathai 2024)",
    )
    for scale, published, bounds in (
        ("PHQ-9", 0.9, counted(0.9, 1247)),
        ("GAD-7", 0.6, counted(0.6, 1247)),
    ):
        mood = rows_of(of, "mood", scale)
        late = mood.day >= of.sessions.first[mood.course] + 28
        before = first_score(of, mood)[mood.course[late]]
        worse = mood.column("score")[late] - before >= 5
        found.add(f"{scale} worse, percent of patients", f"{published}", percent(worse), bounds)
    return found


def _tests() -> Section:
    found = Section("Cognitive tests, first time that counts and one month later")
    of = cohort("comparator", 20_000, 35)
    table = rows_of(of, "cognitive")
    pairs: dict[str, tuple[Floats, Floats]] = {}
    for test in figures().test:
        mine = table.take(
            (table.column("instrument") == test.instrument)
            & (table.column("measure") == test.measure)
        )
        scores = np.full((2, len(of.people)), np.nan)
        since = mine.day - of.sessions.first[mine.course]
        for i, when in enumerate((since == -1, since >= 28)):
            scores[i, mine.course[when]] = mine.column("score")[when]
        both = scores[:, ~np.isnan(scores).any(axis=0)]
        pairs[f"{test.instrument} {test.measure}"] = (both[0], both[1])
    first, second = pairs["MoCA total"]
    norms = "form 7.1, n = 29 (Zeetsen)"
    found.add("MoCA, mean", "26.97", first.mean(), (26.2, 27.7), norms, digits=2)
    found.add("MoCA, SD", "2.01", first.std(), (1.6, 2.4), norms, digits=2)
    found.add("MoCA, retest correlation", "0.82", _r(first, second), (0.62, 0.92), norms, digits=2)
    sdiff = float(np.std(second - first))
    found.add("MoCA, SD of the difference", "1.21", sdiff, (1.0, 1.45), "from these", digits=2)
    beyond = np.abs(second - first - (second - first).mean()) > 1.645 * sdiff
    found.add(
        "MoCA, beyond 90 % by chance, percent",
        "9.4-10.4",
        percent(beyond),
        (5.0, 12.0),
        "nominal 10 (Temkin 2004); whole points here",
    )
    for name, r in (("HVLT-R total recall", 0.74), ("HVLT-R delayed recall", 0.66)):
        correlation = _r(*pairs[name])
        source = "Benedict 1998, unverified"
        found.add(
            f"{name}, retest correlation", f"{r}", correlation, near(r, 0.06), source, digits=2
        )
    for name, parts in (
        ("attention", ("detection", "identification")),
        ("learning", ("one card learning", "one back")),
    ):
        halves = [pairs[f"Cogstate {part}"] for part in parts]
        composite = [sum(one[i] / one[0].std() for one in halves) for i in range(2)]
        found.add(
            f"Cogstate {name} composite, retest correlation",
            "0.95",
            _r(np.asarray(composite[0]), np.asarray(composite[1])),
            (0.93, 0.97),
            "over 4 months (BMC Psychology 2013)",
            digits=2,
        )
    return found


def _r(first: Floats, second: Floats) -> float:
    return float(np.corrcoef(first, second)[0, 1])


def _bladder() -> Section:
    found = Section("Bladder", "users in rehabilitation, n = 106 (Sci Rep 2019 9:7240)")
    of = cohort("oral", 4_000, 400, {"cystitis": 1000})
    given = of.sessions
    for scale, mean, sd in (("ICSI", 10.96, 6.66), ("ICPI", 9.73, 5.82)):
        table = rows_of(of, "urinary", scale)
        ramp = figures().urinary.ramp
        harmed = table.day >= of.harmed.urinary[table.course] + ramp
        score = table.column("score")
        found.add(f"{scale} once harmed, mean", f"{mean}", score[harmed].mean(), near(mean, 0.1))
        found.add(f"{scale} once harmed, SD", f"{sd}", score[harmed].std(), near(sd, 0.25))
        if scale == "ICSI":
            bound = figures().urinary.scale[scale].score[1]
            start = score[table.day < given.first[table.course]] >= bound
            symptoms = "review of symptom rates"
            found.add(
                "symptoms at the start, percent", "3.7-4.4", percent(start), (3.2, 4.9), symptoms
            )
    return found


def _events() -> Iterator[Section]:
    """Patients with an event, as the clinics' reports and the event benchmarks draw it."""
    for profile in profiles():
        if "found" in profile.source:
            continue
        where = f", {profile.setting}" if profile.setting != "clinic" else ""
        found = Section(f"{profile.product}, {profile.phase}{where}: events", profile.source)
        for event, published in profile.percent.items():
            rng = np.random.default_rng([SEED, zlib.crc32(event.encode())])
            had = _had(rng, profile, event)
            share = percent(np.any(had, axis=1))
            error = 4 * 100 * (published / 100 * (1 - published / 100) / _PATIENTS) ** 0.5
            name = f"{event}, percent of patients"
            found.add(name, f"{published:g}", share, (published - error, published + error))
            if event in profile.week_one:
                found.add(
                    f"{event}, in the first week",
                    f"{profile.week_one[event]:g}",
                    percent(np.any(had[:, :2], axis=1)),
                    None,
                    "SUSTAIN-1 and -2 pooled, n = 928: other trials",
                )
        if profile.week_one:
            total = sum(profile.percent[event] for event in profile.week_one)
            ratio = sum(profile.week_one.values()) / total
            chance = [profile.chance(session) for session in range(1, profile.sessions + 1)]
            early = 1 - (1 - chance[0]) * (1 - chance[1])
            found.add(
                "share of the total that comes in the first week, all these",
                f"{ratio:.2f}",
                early / float(1 - np.prod(1 - np.array(chance))),
                near(ratio, 0.1),
                "SUSTAIN-1 and -2 over the trials above",
                digits=2,
            )
        yield found


def _had(rng: np.random.Generator, profile: Profile, event: str) -> np.typing.NDArray[np.bool_]:
    """Whether each session of each patient brought it, (patients, sessions)."""
    course = np.repeat(np.arange(_PATIENTS), profile.sessions)
    number = np.tile(np.arange(1, profile.sessions + 1), _PATIENTS)
    had = recurring(rng, Reported(profile, event), course, number, _PATIENTS)
    return had.reshape(_PATIENTS, profile.sessions)
