"""How each number of a rate came about: its formula with the numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import betaincinv, gammaincinv, stdtrit

from dashboards.board.computed import number
from dashboards.board.rates import Counted, Limits
from detectors.scope import YEAR

LOW, HIGH = 0.025, 0.975


@dataclass(frozen=True, slots=True)
class Worked:
    """A number with its limits, and how it was computed, a line a step."""

    title: str
    unit: str
    limits: Limits
    steps: tuple[str, ...]


def rate(row: Counted) -> Worked:
    """First events per 100 patient-years."""
    title, unit = "Rate", "per 100 patient-years"
    formula = "rate = n / t × 100, n first events, t patient-years = person-days / 365.25"
    if not row.days:
        return Worked(title, unit, row.rate, (formula, "not defined: nobody was at risk"))
    t = row.days / YEAR
    low = float(gammaincinv(row.n, LOW)) if row.n else 0.0
    high = float(gammaincinv(row.n + 1, HIGH))
    steps = (
        formula,
        f"t = {row.days} / 365.25 = {number(t)}",
        f"= {row.n} / {number(t)} × 100 = {number(row.n / t * 100)}",
        "95 % limits, exact (Garwood) = g1 / t × 100 and g2 / t × 100, g1 the 2.5 % point of a "
        f"gamma distribution of shape n (0 if n = 0) = {number(low)}, g2 the 97.5 % point of one "
        f"of shape n + 1 = {number(high)}",
        f"= {number(low / t * 100)} to {number(high / t * 100)}",
    )
    return Worked(title, unit, row.rate, steps)


def ratio(
    title: str, own: tuple[float, float], other: tuple[float, float], found: Limits
) -> Worked:
    """First events over time against those of a reference, each as (count, time)."""
    (n, t), (m, s) = own, other
    formula = "RR = (n / t) / (m / s)"
    if not t or not s:
        return Worked(title, "", found, (formula, "not defined: a side has no time at risk"))
    value = number(n / t / (m / s)) if m else "not defined, m is 0"
    low = float(betaincinv(n, m + 1, LOW)) if n else 0.0
    high = float(betaincinv(n + 1, m, HIGH)) if m else 1.0
    below = number(low / (1 - low) * s / t)
    above = number(high / (1 - high) * s / t) if m else "no upper limit, m is 0"
    steps = (
        formula,
        f"= ({number(n)} / {number(t)}) / ({number(m)} / {number(s)}) = {value}",
        f"95 % limits, exact, from both counts: given n + m = {number(n + m)}, n is binomial; its "
        f"limits p (Clopper-Pearson) = {number(low)} and {number(high)}; RR = p / (1 − p) × s / t",
        f"= {below} to {above}",
    )
    return Worked(title, "", found, steps)


def share(row: Counted) -> Worked:
    """Sessions with the event among those assessed, in per cent."""
    title, unit = "Share of sessions", "%"
    formula = "p = w / S, w sessions with the event, S sessions assessed for it"
    if not row.sessions:
        return Worked(title, unit, row.share, (formula, "not defined: no session was assessed"))
    p = row.sessions_with / row.sessions
    steps = (formula, f"= {row.sessions_with} / {row.sessions} = {number(p * 100)} %")
    size, how = _effective(row, p)
    x = p * size
    low = float(betaincinv(x, size - x + 1, LOW)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, size - x, HIGH)) if x < size else 1.0
    last = (
        f"95 % limits = Clopper-Pearson of p n* = {number(x)} in n* = {number(size)}: "
        f"{number(low * 100)} % to {number(high * 100)} %"
    )
    return Worked(title, unit, row.share, (*steps, *how, last))


def _effective(row: Counted, p: float) -> tuple[float, Sequence[str]]:
    """The number of sessions that would say as much were they independent, and how it came."""
    courses, ww, ws, ss = row.sums
    total = row.sessions
    if courses <= 1 or not 0 < p < 1:
        return courses, (
            f"nothing varies between courses: each counts as one session, n* = {courses}",
        )
    v = (ww - 2 * p * ws + p * p * ss) / total**2 * courses / (courses - 1)
    most = min(p * (1 - p) / v, total) if v > 0 else total
    wider = float(stdtrit(max(total - 1, 1), HIGH)) / float(stdtrit(max(courses - 1, 1), HIGH))
    size = most * wider**2
    return size, (
        f"v = (Σw² − 2 p Σw s + p² Σs²) / S² × C / (C − 1), over C = {courses} courses with w of s "
        f"sessions: Σw² = {ww}, Σw s = {ws}, Σs² = {ss}; v = {number(v)}",
        "n* = min(p (1 − p) / v, S) × (t(S − 1) / t(C − 1))², t the 97.5 % points of Student's "
        f"distribution = {number(size)}: sessions of one patient are alike, and count for less",
    )
