"""What goes wrong on the way, and what is known in the end."""

from __future__ import annotations

import numpy as np
import pytest

from streams.simulate.cohort.amiss import Sent, arrived, sent, together, uniform
from streams.simulate.cohort.figures import figures
from streams.simulate.cohort.plan import Plan
from streams.simulate.cohort.table import Table, table

FACTS = figures().amiss
N = 60_000


@pytest.fixture(scope="module")
def mood() -> Table:
    rng = np.random.default_rng(1)
    course = np.repeat(np.arange(N // 20), 20)
    day = np.tile(np.arange(20) * 14, N // 20)
    score = rng.integers(0, 28, N).astype(float)
    return table("mood", course, day, instrument="PHQ-9", score=score)


@pytest.fixture(scope="module")
def spoilt(mood: Table) -> Sent:
    return sent(Plan(seed=3), mood, amiss=True)


def _share(which: np.ndarray, of: int) -> float:
    return float(np.count_nonzero(which)) / of


def test_without_errors_each_record_is_sent_once_on_its_day(mood: Table) -> None:
    clean = sent(Plan(), mood, amiss=False)
    assert len(clean) == N
    assert clean.newest.all()
    assert np.isnan(clean.again).all()
    assert set(clean.version.tolist()) == {1}
    assert (np.floor(clean.sent) == mood.day).all()


def test_as_many_are_amiss_as_the_figures_say(spoilt: Sent) -> None:
    kept = spoilt.newest
    assert _share(kept, N) == pytest.approx(1 - FACTS.missing, abs=0.003)
    late = (
        spoilt.sent[kept & (spoilt.version == 1)] - spoilt.table.day[kept & (spoilt.version == 1)]
    )
    assert _share(late > 3.5, len(late)) == pytest.approx(FACTS.late, rel=0.1)
    assert late.max() < 62
    corrected = (spoilt.version == 2) & ~spoilt.nullified
    assert _share(corrected, N) == pytest.approx(FACTS.corrected, rel=0.15)
    assert _share(spoilt.nullified, N) == pytest.approx(FACTS.nullified, rel=0.3)
    assert _share(~np.isnan(spoilt.again), N) == pytest.approx(FACTS.repeated, rel=0.2)


def test_a_first_version_is_wrong_in_one_field_and_comes_first_or_late(spoilt: Sent) -> None:
    rows = {
        (int(c), int(n), int(v)): i
        for i, (c, n, v) in enumerate(
            zip(spoilt.table.course, spoilt.number, spoilt.version, strict=True)
        )
    }
    right = np.flatnonzero((spoilt.version == 2) & ~spoilt.nullified)
    before = 0
    for i in right.tolist():
        wrong = rows[int(spoilt.table.course[i]), int(spoilt.number[i]), 1]
        off = abs(spoilt.table.column("score")[i] - spoilt.table.column("score")[wrong])
        assert off == 8
        assert spoilt.table.day[i] == spoilt.table.day[wrong]
        assert spoilt.newest[i]
        assert not spoilt.newest[wrong]
        before += spoilt.sent[i] < spoilt.sent[wrong]
    assert 0.05 < before / len(right) < 0.3


def test_wrong_scores_stay_within_the_scale(spoilt: Sent) -> None:
    score = spoilt.table.column("score")
    assert score.min() >= 0
    assert score.max() <= 27


def test_a_void_record_has_a_number_of_its_own_and_is_taken_back(spoilt: Sent) -> None:
    void = np.flatnonzero(spoilt.nullified)
    assert (spoilt.number[void] < 0).all()
    assert not spoilt.newest[void].any()
    firsts = np.flatnonzero((spoilt.number < 0) & (spoilt.version == 1))
    assert not spoilt.newest[firsts].any()
    assert len(firsts) == len(void)
    at = dict(
        zip(
            zip(spoilt.table.course[void].tolist(), spoilt.number[void].tolist(), strict=True),
            spoilt.sent[void].tolist(),
            strict=True,
        )
    )
    for i in firsts.tolist():
        assert at[int(spoilt.table.course[i]), int(spoilt.number[i])] > spoilt.sent[i]


def test_a_visit_is_late_as_a_whole() -> None:
    course = np.repeat(np.arange(500), 2)
    both = table("mood", course, np.zeros(1000, int), score=np.full(1000, 9.0))
    urinary = table("urinary", course, np.zeros(1000, int), score=np.full(1000, 3.0))
    times: list[dict[int, float]] = []
    for one in (both, urinary):
        rows = sent(Plan(), one, amiss=True)
        first = rows.newest & (rows.version == 1)
        times.append(dict(zip(rows.table.course[first].tolist(), rows.sent[first], strict=True)))
    shared = times[0].keys() & times[1].keys()
    assert len(shared) > 400
    assert all(times[0][course] == times[1][course] for course in shared)


def test_what_is_known_at_a_moment_is_the_greatest_version_sent_by_then() -> None:
    four = np.zeros(4, dtype=np.int64)
    rows = Sent(
        table("mood", four, four, score=np.array([9.0, 17.0, 4.0, 4.0])),
        number=np.array([0, 0, 1, 1]),
        version=np.array([2, 1, 1, 2]),
        nullified=np.array([False, False, False, True]),
        sent=np.array([5.0, 1.0, 2.0, 8.0]),
        again=np.array([np.nan, 6.0, np.nan, np.nan]),
        newest=np.array([True, False, False, False]),
    )
    known = {
        until: arrived(rows, until).table.column("score")[arrived(rows, until).newest].tolist()
        for until in (1.5, 4.0, 7.0, 9.0)
    }
    assert known == {1.5: [17.0], 4.0: [17.0, 4.0], 7.0: [9.0, 4.0], 9.0: [9.0]}
    assert np.isnan(arrived(rows, 4.0).again).all()
    assert len(arrived(rows, 0.5)) == 0


def test_what_becomes_of_a_record_does_not_depend_on_other_courses(mood: Table) -> None:
    whole = sent(Plan(seed=3), mood, amiss=True)
    half = sent(Plan(seed=3), mood.take(mood.course % 2 == 0), amiss=True)
    mine = whole.table.course % 2 == 0
    for name in ("number", "version", "sent"):
        key = np.lexsort((whole.version[mine], whole.number[mine], whole.table.course[mine]))
        other = np.lexsort((half.version, half.number, half.table.course))
        assert (getattr(whole, name)[mine][key] == getattr(half, name)[other]).all()


def test_the_hash_is_uniform_and_its_keys_independent() -> None:
    course, number = np.divmod(np.arange(100_000), 100)
    drawn = uniform(1, "late mood", course, number)
    assert drawn.min() >= 0
    assert drawn.max() < 1
    counts = np.histogram(drawn, bins=50, range=(0, 1))[0]
    # chi-squared with 49 degrees of freedom: above 95 in 1 of 10,000
    assert ((counts - 2000) ** 2 / 2000).sum() < 95
    for other in (
        uniform(2, "late mood", course, number),
        uniform(1, "late urinary", course, number),
        uniform(1, "late mood", number, course),
    ):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.02
    assert abs(np.corrcoef(drawn[1:], drawn[:-1])[0, 1]) < 0.02


def test_parts_are_put_below_each_other() -> None:
    one = sent(
        Plan(), table("mood", np.array([1]), np.array([2]), score=np.array([3.0])), amiss=False
    )
    both = together([one, one])
    assert len(both) == 2
    assert together([one]) is one
