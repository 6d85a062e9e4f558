"""Two arms of a cohort: by hand, against one stratum, and under strata of unlike rates."""

from __future__ import annotations

import numpy as np
import pytest

from detectors.cohort import Cohort
from detectors.followup.arms import Arms, arms, between, mantel_haenszel
from detectors.followup.content import CourseContent, Event
from detectors.followup.exposure import Stratum
from detectors.followup.spells import Spell
from detectors.scope import Scope
from detectors.sequential.two_sample_rates import Look, batch
from schemas.errors import InputError
from tests.detectors.cohort_days import FIRST
from tests.detectors.sequential.alarms import ALPHA, LOOKS, RUNS, ever, lower_limit


def course(setting: str, route: str, days: int, event: int | None = None) -> CourseContent:
    events = () if event is None else (Event("Sedation", FIRST + event, "session"),)
    return CourseContent(
        "r",
        contact=FIRST + days,
        strata=(Stratum("ketamine", route, setting),),
        spells=(Spell(FIRST, FIRST + days, 1, 0, 1),),
        days={"dose": (FIRST, 2)},
        events=events,
    )


def cohort() -> Cohort:
    courses = [
        course("home", "oral", 4, event=2),
        course("home", "oral", 6),
        course("home", "sublingual", 5),
        course("clinic", "oral", 10, event=0),
        course("clinic", "intravenous", 8),
    ]
    return Cohort.of((i, 1, content) for i, content in enumerate(courses))


HOME, CLINIC = {"setting": "home"}, {"setting": "clinic"}
LOCK = Scope(FIRST + 40, lag_days=0)


def test_arms_are_matched_on_the_other_axes() -> None:
    """Oral alone is given in both; at home 3 + 6 days and an event, in the clinic 1 and one."""
    daily = cohort().daily(("product", "route", "setting"), LOCK)
    found = arms(daily, HOME, CLINIC)
    assert (found.by, found.strata) == (("product", "route"), (("ketamine", "oral"),))
    total = [column.sum() for column in found.look]
    np.testing.assert_allclose(total, [1, 9 / 365.25, 1, 1 / 365.25])
    by_session = arms(daily, HOME, CLINIC, sessions=True)
    assert [column.sum() for column in by_session.look] == [1, 4, 1, 1]
    assert found.look.n.shape == (41, 1, 1)


def test_arms_may_differ_in_several_axes() -> None:
    daily = cohort().daily(("route", "setting"), LOCK)
    found = arms(daily, HOME | {"route": "sublingual"}, CLINIC | {"route": "intravenous"})
    assert (found.by, found.strata) == ((), ((),))
    np.testing.assert_allclose(found.look.exposure.sum() * 365.25, 5)


@pytest.mark.parametrize(
    ("own", "other"),
    [(HOME, HOME), ({}, {}), (HOME, {"route": "oral"}), ({"sex": "f"}, {"sex": "m"}),
     (HOME, CLINIC | {"route": "oral"})],
)  # fmt: skip
def test_what_are_no_arms_is_refused(own: dict[str, str], other: dict[str, str]) -> None:
    daily = cohort().daily(("route", "setting"), LOCK)
    with pytest.raises(InputError) as error:
        arms(daily, own, other)
    assert error.value.code == "bad_arms"


def of(look: Look) -> Arms:
    strata = tuple((str(i),) for i in range(look.n.shape[1]))
    return Arms(("site",), strata, ("x",) * look.n.shape[2], look)


def drawn(seed: int, shape: tuple[int, int, int]) -> Look:
    rng = np.random.default_rng(seed)
    own, other = rng.exponential(2, shape), rng.exponential(5, shape)
    return Look(rng.poisson(own).astype(float), own, rng.poisson(other).astype(float), other)


def test_one_stratum_is_the_two_sample_process() -> None:
    look = drawn(1, (20, 1, 6))
    found = between(of(look))
    whole = batch(6, Look(*(column[:, 0] for column in look)))
    np.testing.assert_allclose(found.log_e, whole.log_e, atol=1e-12)
    np.testing.assert_allclose(found.log_e_sup, whole.log_e_sup, atol=1e-12)


def test_the_order_of_strata_and_empty_ones_change_nothing() -> None:
    look = drawn(2, (20, 3, 4))
    turned = Look(*(column[:, ::-1] for column in look))
    one_sided = Look(*(np.insert(c, 1, x, axis=1) for c, x in zip(look, (0, 0, 7, 9), strict=True)))
    for other in (turned, one_sided):
        np.testing.assert_allclose(between(of(look)).log_e, between(of(other)).log_e, atol=1e-9)


def test_without_strata_nothing_is_compared() -> None:
    empty = Look(*(np.zeros((3, 0, 2)) for _ in range(4)))
    assert between(of(empty)).log_e.tolist() == [[0.0, 0.0]] * 3
    assert np.isnan(mantel_haenszel(of(empty)).estimate).all()


@pytest.mark.parametrize("ratio", [1.0, 1.25])
def test_false_alarms_ever_where_strata_have_unlike_rates(ratio: float) -> None:
    """One stratum has ten times the rate, and a larger share of the one arm, ever larger."""
    rng = np.random.default_rng(5)
    base = np.array([0.5, 5.0])[:, None]
    reached = np.zeros((1, RUNS))
    part = RUNS // 4
    for first in range(0, RUNS, part):
        shape = LOOKS, 2, part
        drift = np.linspace(0.1, 0.9, LOOKS)[:, None, None]
        own = np.broadcast_to(np.concatenate([0.2 * (1 - drift), 0.2 * drift], axis=1), shape)
        other = np.full(shape, 0.1)
        look = Look(
            rng.poisson(ratio * base * own).astype(float), own,
            rng.poisson(base * other, shape).astype(float), other,
        )  # fmt: skip
        reached[0, first : first + part] = between(of(look)).log_e_sup[-1]
    assert lower_limit(ever(reached)) <= ALPHA


def test_not_to_stratify_would_be_wrong_and_harm_is_found() -> None:
    rng = np.random.default_rng(6)
    base = np.array([1.0, 10.0])[:, None]
    runs = 300
    drift = np.linspace(0.1, 0.9, LOOKS)[:, None, None]
    own = np.broadcast_to(
        np.concatenate([0.2 * (1 - drift), 0.2 * drift], axis=1), (LOOKS, 2, runs)
    )
    other = np.broadcast_to(np.array([0.18, 0.02])[:, None], (LOOKS, 2, runs))
    m = rng.poisson(base * other).astype(float)

    def look(ratio: float) -> Look:
        return Look(rng.poisson(ratio * base * own).astype(float), own, m, other)

    crude = Look(*(column.sum(axis=1, keepdims=True) for column in look(1.0)))
    assert ever(between(of(crude)).log_e_sup).mean() > 0.5
    assert ever(between(of(look(1.0))).log_e_sup).mean() < 0.05
    assert ever(between(of(look(4.0))).log_e_sup).mean() > 0.9


def test_a_common_ratio_by_hand() -> None:
    """Strata 4/10 against 1/10, and 6/20 against 5/40.

    Above: 4 x 10 / 20 + 6 x 40 / 60 = 6; below: 1 x 10 / 20 + 5 x 20 / 60 = 13 / 6; RR 36 / 13.
    Variance (5 x 100 / 400 + 11 x 800 / 3600) / 13 = (1.25 + 2.444) / 13 = .28419.
    """
    columns = ([4.0, 6.0], [10.0, 20.0], [1.0, 5.0], [10.0, 40.0])
    found = mantel_haenszel(of(Look(*(np.array(c).reshape(1, 2, 1) for c in columns))))
    assert float(found.estimate[0]) == pytest.approx(36 / 13)
    width = 1.959964 * np.sqrt((1.25 + 22 / 9) / 13)
    assert float(found.upper[0]) == pytest.approx(36 / 13 * np.exp(width), rel=1e-6)
    assert float(found.lower[0]) == pytest.approx(36 / 13 * np.exp(-width), rel=1e-6)


@pytest.mark.parametrize(("n", "m"), [(0.0, 0.0), (3.0, 0.0), (0.0, 3.0)])
def test_without_events_on_a_side_there_is_no_common_ratio(n: float, m: float) -> None:
    look = Look(*(np.array([[[x]]]) for x in (n, 1.0, m, 1.0)))
    assert np.isnan(mantel_haenszel(of(look)).estimate).all()


def clinics(seed: int, runs: int, *, every: bool) -> Look:
    """Two arms of 50 patients who differ in how prone they are, a session a week each.

    They enter over the first year, the one arm later than the other, and are in strata by sessions
    so far. Their first events, or `every` one.
    """
    rng = np.random.default_rng(seed)
    columns = []
    for late in (0, 26):
        prone = np.minimum(rng.gamma(0.5, 0.2, (50, runs)), 0.9)
        entry = rng.integers(late, 52 + late, (50, runs))
        n, t = np.zeros((2, LOOKS, 3, runs))
        free = np.ones((50, runs), dtype=bool)
        for look in range(LOOKS):
            sessions = look - entry
            at_risk = (sessions >= 0) & (free | every)
            event = at_risk & (rng.random((50, runs)) < prone)
            stratum = np.digitize(sessions, [8, 12])
            for s in range(3):
                n[look, s] = (event & (stratum == s)).sum(axis=0)
                t[look, s] = (at_risk & (stratum == s)).sum(axis=0)
            free &= ~event
        columns += [n, t]
    return Look(*columns)


def test_first_events_raise_no_false_alarms_where_patients_repeat_themselves() -> None:
    """And every event of everybody would: a few prone patients make an arm look worse for ever."""
    first = ever(between(of(clinics(7, 600, every=False))).log_e_sup)
    assert lower_limit(first) <= ALPHA
    every = ever(between(of(clinics(7, 600, every=True))).log_e_sup)
    assert lower_limit(every) > ALPHA
