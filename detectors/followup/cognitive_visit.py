"""The visits of a cognitive course: what is kept of them, and what the tests of one amount to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from detectors.followup.cognitive_norms import Norm, Parameters, caution, expected
from detectors.followup.reliable_change import tail, tail_of_two_visits
from detectors.followup.trend import Trend

YEAR = 365.25


class Measure(msgspec.Struct, frozen=True, array_like=True):
    """One measure in one setting: its baseline, the visits since, and what was said of them.

    `sessions` came before the baseline. The trend is of the score turned so that higher is worse,
    over days since the baseline. `index` is the decline at the visit before, 0 where it was none.
    """

    sessions: int = 0
    base: float = 0.0
    base_record: str = ""
    base_day: int = 0
    base_form: str = ""
    trend: Trend = Trend()
    index: float = 0.0
    index_record: str = ""
    repeated: bool = False
    steep: bool = False


class Test(msgspec.Struct, frozen=True, array_like=True):
    """One test of a visit; `index` is against the baseline of the key `against`, if any.

    `excluded` says why it is not judged.
    """

    key: str
    score: float
    record: str
    form: str = ""
    instant: float = 0.0
    timed: bool = False
    against: str = ""
    index: float = 0.0
    excluded: str = ""


class Visit(msgspec.Struct, frozen=True, array_like=True):
    """The tests of one day, and the earliest sedation of it: its record and its instant."""

    day: int = 0
    tests: tuple[Test, ...] = ()
    sedation: str = ""
    sedated_from: float = 0.0


class State(msgspec.Struct, frozen=True, array_like=True):
    """Measures by name and setting, the visit that is not over, and the doses that still act.

    Of doses, the instants of those with a time and the days of the others. `several`: the visit
    before had declines on several measures.
    """

    measures: dict[str, Measure] = {}
    visit: Visit = Visit()
    doses: tuple[float, ...] = ()
    dose_days: tuple[int, ...] = ()
    several: bool = False


class Outcome(NamedTuple):
    """What a test says: a decline, one that repeats that of the visit before, a steep slope."""

    declined: bool
    repeated: bool
    steep: bool
    trend: Trend


def measure_of(key: str) -> str:
    """The measure of a key, without its setting.

    >>> measure_of("moca_total@home")
    'moca_total'
    """
    return key.partition("@")[0]


def family(state: State) -> int:
    """How many measures of the course can decline: those with a baseline, whatever the setting."""
    return len({measure_of(key) for key, one in state.measures.items() if one.base_record})


def counted(state: State) -> Iterator[Test]:
    """The tests of the visit that are judged: the first of each key that has a baseline."""
    seen = set()
    for test in state.visit.tests:
        if test.against and not test.excluded and test.key not in seen:
            seen.add(test.key)
            yield test


def outcome(state: State, test: Test, norm: Norm, parameters: Parameters, m: int) -> Outcome:
    """Of a test against the baseline of its own setting; `m` is the `family`."""
    measure = state.measures[test.key]
    declined = test.index >= parameters.z
    # an index of 0 stands for no decline; the chances are looked up only where they can matter
    repeated = (
        declined
        and measure.index > 0
        and m * float(tail_of_two_visits(min(test.index, measure.index))) <= parameters.alpha
    )
    trend = measure.trend.add(float(state.visit.day - measure.base_day), norm.worse * test.score)
    reliable = parameters.z * expected(norm).error
    steep = (
        trend.n >= max(parameters.slope_visits, 3)
        and YEAR * trend.slope() > reliable
        and least_slope(trend, norm, parameters.alpha / m) > reliable
    )
    return Outcome(declined, repeated, steep, trend)


def least_slope(trend: Trend, norm: Norm, alpha: float) -> float:
    """Lower limit of the decline per year; the error of one score is that of a change / root 2."""
    return YEAR * trend.limit(alpha, least=expected(norm).error / 2**0.5)


def several(state: State, parameters: Parameters, m: int) -> tuple[Test, ...]:
    """The tests of the visit that count together, none where they are of fewer than two measures.

    With k = 2 of m, each at p <= k alpha / m: Lehmann, Romano 2005.
    """
    level = 2 * parameters.alpha / max(m, 2)
    found = {}
    for test in counted(state):
        norm = parameters.norm(measure_of(test.key))
        if norm is None or test.against != test.key or test.index < parameters.z:
            continue
        if float(tail(test.index * caution(norm))) <= level:
            found[measure_of(test.key)] = test
    return tuple(found.values()) if len(found) > 1 else ()


def close(state: State, parameters: Parameters) -> State:
    """The visit is over: its tests become sessions, baselines and points of the trends."""
    visit = state.visit
    if not visit.tests:
        return replace(state, visit=Visit()) if visit.day else state
    measures, m = dict(state.measures), family(state)
    judged = {test.record for test in counted(state)}
    for test in visit.tests:
        name = measure_of(test.key)
        norm = parameters.norm(name)
        measure = measures.get(test.key, Measure())
        if test.excluded or norm is None:
            continue
        if not measure.base_record:
            sessions = sum(one.sessions for key, one in measures.items() if measure_of(key) == name)
            if sessions < norm.familiarisation:
                measures[test.key] = replace(measure, sessions=measure.sessions + 1)
            else:
                measures[test.key] = replace(
                    measure,
                    base=test.score,
                    base_record=test.record,
                    base_day=visit.day,
                    base_form=test.form,
                    trend=Trend().add(0.0, norm.worse * test.score),
                )
        elif test.against == test.key and test.record in judged:
            found = outcome(state, test, norm, parameters, m)
            measures[test.key] = replace(
                measure,
                trend=found.trend,
                index=test.index if found.declined else 0.0,
                index_record=test.record if found.declined else "",
                repeated=found.declined and (measure.repeated or found.repeated),
                steep=found.steep,
            )
    together = bool(several(state, parameters, m)) if judged else state.several
    return replace(state, measures=measures, visit=Visit(), several=together)
