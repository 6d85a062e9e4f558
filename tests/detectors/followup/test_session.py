"""Which dose a reading belongs to, on days worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.followup.finding import Finding
from detectors.followup.record import Observed
from detectors.followup.session import Dose, Session, dosed, news, placed, said, split
from tests.detectors.followup.records import record


def dose(at: str, mg: float = 56) -> Observed:
    return record("dose", at, product="esketamine", dose_mg=mg)


def reading(at: str, minutes: float | None = None) -> Observed:
    return record("vital_signs", at, f"{at} {minutes}", minutes=minutes)


def doses(*at: str) -> tuple[Session, ...]:
    sessions: tuple[Session, ...] = ()
    for one in at:
        sessions, _ = dosed(sessions, dose(one), Session)
    return sessions


TWO = ("2025-07-03T09:00Z", "2025-07-03T15:00Z")


@pytest.mark.parametrize(
    ("given_doses", "at", "minutes", "expected"),
    [
        # one dose with a time: stated minutes are kept, missing ones come from the times
        (TWO[:1], "2025-07-03T09:40Z", 40, (0, 40)),
        (TWO[:1], "2025-07-03T09:40Z", None, (0, 40)),
        (TWO[:1], "2025-07-03T08:50Z", None, (0, -10)),
        (TWO[:1], "2025-07-03T09:00Z", None, (0, 0)),
        (TWO[:1], "2025-07-03T21:00Z", None, (0, 720)),
        (TWO[:1], "2025-07-03T21:01Z", None, (-1, None)),
        (TWO[:1], "2025-07-03", None, (0, None)),
        (TWO[:1], "2025-07-04", None, (-1, None)),
        (TWO[:1], "2025-07-02T23:59Z", None, (-1, None)),
        # all records of a visit carry the time of the visit
        (TWO[:1], "2025-07-03T09:00Z", 120, (0, 120)),
        # a time before the dose and minutes after it contradict: the day decides
        (TWO[:1], "2025-07-03T08:00Z", 40, (0, 40)),
        # two doses: the last one at or before the reading
        (TWO, "2025-07-03T09:40Z", 40, (0, 40)),
        (TWO, "2025-07-03T14:59Z", 359, (0, 359)),
        (TWO, "2025-07-03T15:00Z", 1, (1, 1)),
        (TWO, "2025-07-03T15:40Z", 40, (1, 40)),
        (TWO, "2025-07-03T15:40Z", None, (1, 40)),
        (TWO, "2025-07-03T13:59Z", None, (0, 299)),
        (TWO, "2025-07-03", 40, (1, 40)),
        (TWO, "2025-07-03", None, (1, None)),
        # before a dose: the one that the minutes point to, or one within the hour
        (TWO, "2025-07-03T08:55Z", -5, (0, -5)),
        (TWO, "2025-07-03T14:55Z", -5, (1, -5)),
        (TWO, "2025-07-03T09:02Z", -5, (0, -5)),
        (TWO, "2025-07-03T14:00Z", None, (1, -60)),
        (TWO, "2025-07-03", -5, (1, -5)),
        # dates alone
        (("2025-07-03",), "2025-07-03", 40, (0, 40)),
        (("2025-07-03",), "2025-07-03T10:00Z", 40, (0, 40)),
        (("2025-07-03",), "2025-07-03", None, (0, None)),
        (("2025-07-03",), "2025-07-03T10:00Z", None, (0, None)),
        (("2025-07-03",), "2025-07-04", 90, (0, 90)),
        (("2025-07-03",), "2025-07-05", 1500, (0, 1500)),
        # over midnight UTC
        (("2025-07-03T23:30Z",), "2025-07-04T00:10Z", 40, (0, 40)),
        (("2025-07-03T23:30Z",), "2025-07-04T00:10Z", None, (0, 40)),
        (("2025-07-03T23:30Z", "2025-07-04T20:00Z"), "2025-07-04T00:10Z", 40, (0, 40)),
    ],
)
def test_a_reading_belongs_to_a_dose(
    given_doses: tuple[str, ...], at: str, minutes: float | None, expected: tuple[int, float | None]
) -> None:
    sessions, index, after = placed(doses(*given_doses), reading(at, minutes), Session)
    assert (index, after) == expected
    assert sessions == doses(*given_doses)


@pytest.mark.parametrize(
    ("given_doses", "at", "minutes"),
    [
        ((), "2025-07-03", 40),
        ((), "2025-07-03T10:00Z", -5),
        # yesterday's morning dose is not what 40 minutes count from
        (("2025-07-02T09:00Z",), "2025-07-03T10:00Z", 40),
        (("2025-07-02T09:00Z",), "2025-07-03T10:00Z", -5),
        (("2025-07-01",), "2025-07-03", 90),
    ],
)
def test_minutes_that_no_dose_fits_make_a_session_of_their_own(
    given_doses: tuple[str, ...], at: str, minutes: float
) -> None:
    before = doses(*given_doses)
    sessions, index, after = placed(before, reading(at, minutes), Session)
    assert (index, after, len(sessions)) == (len(before), minutes, len(before) + 1)
    assert sessions[index].dose.id == ""
    assert sessions[index].dose.anchor == "2025-07-03"
    # the next reading of that day joins it
    again, same, _ = placed(sessions, reading("2025-07-03", 120), Session)
    assert (len(again), same) == (len(sessions), index)


def test_doses_half_an_hour_apart_are_one_session_and_later_ones_are_not() -> None:
    two = doses("2025-07-03T09:00Z", "2025-07-03T09:30Z", "2025-07-03T09:31Z")
    assert [(one.dose.id, one.dose.mg) for one in two] == [
        ("2025-07-03T09:00Z", 112),
        ("2025-07-03T09:31Z", 56),
    ]


def test_doses_of_a_day_that_cannot_be_told_apart_are_one_session() -> None:
    sessions, _ = dosed((), record("dose", "2025-07-03", "a", product="k", dose_mg=28), Session)
    sessions, index = dosed(
        sessions, record("dose", "2025-07-03", "b", product="k", dose_mg=28), Session
    )
    assert (index, len(sessions), sessions[0].dose.mg) == (0, 1, 56)
    # one of them has a time: that is when the session began
    sessions, index = dosed(sessions, dose("2025-07-03T09:00Z"), Session)
    assert (index, sessions[0].dose.id, sessions[0].dose.timed) == (0, "a", True)
    sessions, index = dosed(sessions, dose("2025-07-03T15:00Z"), Session)
    assert (index, len(sessions)) == (1, 2)
    assert len(doses("2025-07-03", "2025-07-04")) == 2


def test_a_dose_takes_the_session_that_was_measured_before_midnight() -> None:
    sessions, index, _ = placed((), reading("2025-07-03T23:55Z", -10), Session)
    assert sessions[index].dose.day == dose("2025-07-04").day
    sessions, index = dosed(sessions, dose("2025-07-04T00:07Z"), Session)
    assert (index, len(sessions)) == (0, 1)
    assert sessions[0].dose.id == "2025-07-04T00:07Z"
    assert sessions[0].dose.instant == dose("2025-07-04T00:07Z").instant
    other, index = dosed(
        placed((), reading("2025-07-03T23:55Z", -10), Session)[0], dose("2025-07-04"), Session
    )
    assert (index, len(other)) == (1, 2)


def test_a_session_is_open_for_two_days() -> None:
    sessions = doses("2025-07-01", "2025-07-03")
    day = sessions[0].dose.day
    assert split(sessions, day + 2) == (sessions, ())
    assert split(sessions, day + 3) == (sessions[1:], sessions[:1])


def test_where_the_dose_is_not_recorded_only_what_is_urgent_counts() -> None:
    known, unknown = Dose("d", 10, 10.0, False), Dose("", 10, 10.0, False)
    levels = []
    for where in (known, unknown):
        for level in ("finding", "urgent"):
            found = said(
                "s", where, "c", "E", level=level, marks=[("r", 11)], explanation="too high"
            )
            levels.append((found.level, found.unit, found.records, found.day, found.explanation))
    assert levels == [
        ("finding", "session", ("d", "r"), 11, "too high"),
        ("urgent", "session", ("d", "r"), 11, "too high"),
        ("note", "course", ("r",), 11, "too high; the dose is not recorded"),
        ("urgent", "course", ("r",), 11, "too high; the dose is not recorded"),
    ]


def test_what_no_longer_holds_stays_as_a_note() -> None:
    old = Finding("s", "c", "E", 10, "finding", ("r1",), "too high", anchor="d")
    same = Finding("s", "other", "E", 10, "finding", ("r1",), "low", anchor="d")
    late = reading("2025-07-03")
    assert news([old, same], [same], late) == (
        Finding(
            "s",
            "c",
            "E",
            late.day,
            "note",
            ("r1", late.id),
            "no longer so after a later record: too high",
            anchor="d",
        ),
    )
    assert news([], [old], late) == (old,)


@given(
    at=st.sampled_from(["2025-07-03", "2025-07-03T09:00Z", "2025-07-03T23:30Z"]),
    after=st.integers(-600, 600),
    shift=st.sampled_from([0, 1, 7, 365]),
)
def test_a_reading_at_its_stated_minutes_finds_its_dose_on_any_day(
    at: str, after: int, shift: int
) -> None:
    """The law: dose and reading moved by whole days alike are placed alike."""
    one = dose(at)
    instant = one.instant + after / 1440
    moved = Dose(one.id, one.day + shift, one.instant + shift, one.timed)
    seen = reading("2025-07-03T00:00Z", after)._replace(
        day=int(instant) + shift, instant=instant + shift, timed=one.timed
    )
    same_day = seen.day == moved.day
    if one.timed or same_day:
        assert placed((Session(moved),), seen, Session)[1:] == (0, after)
