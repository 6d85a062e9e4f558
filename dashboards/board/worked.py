"""How each number of a rate came about: its formula with the numbers put in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import betaincinv, gammaincinv, stdtrit

from dashboards.board.computed import number
from dashboards.board.rates import Counted, Limits
from dashboards.language import _
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
    title, unit = _("Rate"), _("per 100 patient-years")
    formula = _("rate = n / t × 100, n first events, t patient-years = person-days / 365.25")
    if not row.days:
        return Worked(title, unit, row.rate, (formula, _("not defined: nobody was at risk")))
    t = row.days / YEAR
    low = float(gammaincinv(row.n, LOW)) if row.n else 0.0
    high = float(gammaincinv(row.n + 1, HIGH))
    steps = (
        formula,
        f"t = {row.days} / 365.25 = {number(t)}",
        f"= {row.n} / {number(t)} × 100 = {number(row.n / t * 100)}",
        _(
            "95 % limits, exact (Garwood) = g1 / t × 100 and g2 / t × 100, g1 the 2.5 % point of "
            "a gamma distribution of shape n (0 if n = 0) = {low}, g2 the 97.5 % point of one of "
            "shape n + 1 = {high}",
            low=number(low),
            high=number(high),
        ),
        _("= {low} to {high}", low=number(low / t * 100), high=number(high / t * 100)),
    )
    return Worked(title, unit, row.rate, steps)


def ratio(
    title: str, own: tuple[float, float], other: tuple[float, float], found: Limits
) -> Worked:
    """First events over time against those of a reference, each as (count, time)."""
    (n, t), (m, s) = own, other
    formula = "RR = (n / t) / (m / s)"
    if not t or not s:
        return Worked(title, "", found, (formula, _("not defined: a side has no time at risk")))
    value = number(n / t / (m / s)) if m else _("not defined, m is 0")
    low = float(betaincinv(n, m + 1, LOW)) if n else 0.0
    high = float(betaincinv(n + 1, m, HIGH)) if m else 1.0
    below = number(low / (1 - low) * s / t)
    above = number(high / (1 - high) * s / t) if m else _("no upper limit, m is 0")
    steps = (
        formula,
        f"= ({number(n)} / {number(t)}) / ({number(m)} / {number(s)}) = {value}",
        _(
            "95 % limits, exact, from both counts: given n + m = {m}, n is binomial; its limits p "
            "(Clopper-Pearson) = {low} and {high}; RR = p / (1 − p) × s / t",
            m=number(n + m),
            low=number(low),
            high=number(high),
        ),
        _("= {below} to {above}", below=below, above=above),
    )
    return Worked(title, "", found, steps)


def share(row: Counted) -> Worked:
    """Sessions with the event among those assessed, in per cent."""
    title, unit = _("Share of sessions"), "%"
    formula = _("p = w / S, w sessions with the event, S sessions assessed for it")
    if not row.sessions:
        return Worked(title, unit, row.share, (formula, _("not defined: no session was assessed")))
    p = row.sessions_with / row.sessions
    steps = (formula, f"= {row.sessions_with} / {row.sessions} = {number(p * 100)} %")
    size, how = _effective(row, p)
    x = p * size
    low = float(betaincinv(x, size - x + 1, LOW)) if x > 0 else 0.0
    high = float(betaincinv(x + 1, size - x, HIGH)) if x < size else 1.0
    last = _(
        "95 % limits = Clopper-Pearson of p n* = {x} in n* = {size}: {low} % to {high} %",
        x=number(x),
        size=number(size),
        low=number(low * 100),
        high=number(high * 100),
    )
    return Worked(title, unit, row.share, (*steps, *how, last))


def _effective(row: Counted, p: float) -> tuple[float, Sequence[str]]:
    """The number of sessions that would say as much were they independent, and how it came."""
    courses, ww, ws, ss = row.sums
    total = row.sessions
    if courses <= 1 or not 0 < p < 1:
        return courses, (
            _(
                "nothing varies between courses: each counts as one session, n* = {courses}",
                courses=courses,
            ),
        )
    v = (ww - 2 * p * ws + p * p * ss) / total**2 * courses / (courses - 1)
    most = min(p * (1 - p) / v, total) if v > 0 else total
    wider = float(stdtrit(max(total - 1, 1), HIGH)) / float(stdtrit(max(courses - 1, 1), HIGH))
    size = most * wider**2
    return size, (
        _(
            "v = (Σw² − 2 p Σw s + p² Σs²) / S² × C / (C − 1), over C = {courses} courses with w "
            "of s sessions: Σw² = {ww}, Σw s = {ws}, Σs² = {ss}; v = {v}",
            courses=courses,
            ww=ww,
            ws=ws,
            ss=ss,
            v=number(v),
        ),
        _(
            "n* = min(p (1 − p) / v, S) × (t(S − 1) / t(C − 1))², t the 97.5 % points of "
            "Student's distribution = {size}: sessions of one patient are alike, and count for "
            "less",
            size=number(size),
        ),
    )
