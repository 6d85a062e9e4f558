"""How each statistic of a pair came about: its formula with the numbers put in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, isinf, log, log2, sqrt
from typing import Any

from scipy.special import digamma, gammaincinv

from dashboards.language import _
from detectors.disproportionality.ebgm import ebgm
from detectors.disproportionality.gps import Prior

Z = 1.959964  # two-sided 95 % of the normal distribution


@dataclass(frozen=True, slots=True)
class Cells:
    """The 2x2 table of a pair, from its count, its margins and the total."""

    a: int
    b: int
    c: int
    d: int

    @classmethod
    def of(cls, n: int, n_product: int, n_event: int, n_total: int) -> Cells:
        """Cells from a count and its margins.

        >>> Cells.of(8, 32, 40, 10_000)
        Cells(a=8, b=24, c=32, d=9936)
        """
        return cls(n, n_product - n, n_event - n, n_total - n_product - n_event + n)


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic with its limits, and how it was computed, a line a step.

    `value` and limits are those stored; `steps` are worked out from the four counts alone, and
    for EBGM from the prior of its checkpoint.
    """

    name: str
    title: str
    value: float | None
    lower: float | None
    upper: float | None
    steps: tuple[str, ...]


def explained(score: Mapping[str, Any], prior: Prior | None = None) -> list[Statistic]:
    """Every statistic of a row of `scores`; `prior`: the one that its EBGM was computed with."""
    n, n_product, n_event, n_total = (
        int(score[name]) for name in ("n", "n_product", "n_event", "n_total")
    )
    cells = Cells.of(n, n_product, n_event, n_total)
    expected = n_product * n_event / n_total if n_total else None
    out = []
    for name, title, steps, lower, upper in (
        ("expected", _("Expected count E"), _expected(n_product, n_event, n_total), "", ""),
        ("prr", "PRR", _prr(cells), "prr_lower", "prr_upper"),
        ("ror", "ROR", _ror(cells), "ror_lower", "ror_upper"),
        ("rrr", "RRR", _rrr(n, expected), "", ""),
        ("ic", "IC", _ic(n, expected), "ic025", "ic975"),
        ("ebgm", "EBGM", _ebgm(n, expected, prior), "eb05", "eb95"),
        ("chi2", _("Chi-squared"), _chi2(cells, yates=False), "", ""),
        ("chi2_yates", _("Chi-squared, Yates"), _chi2(cells, yates=True), "", ""),
        ("fisher_p", _("Fisher's exact p"), _fisher(cells, mid=False), "", ""),
        ("fisher_mid_p", _("Fisher's mid-p"), _fisher(cells, mid=True), "", ""),
    ):
        value = score[name]
        low, high = (score[lower], score[upper]) if lower else (None, None)
        out.append(Statistic(name, title, value, low, high, steps))
    return out


def number(value: float) -> str:
    """Four significant digits, without an exponent where that reads well.

    >>> [number(v) for v in (103.8333, 0.00240770, 0.25, 1234567.0, 0.0, 1.2e-9)]
    ['103.8', '0.002408', '0.25', '1234567', '0', '1.2e-09']
    """
    if isinf(value):
        return _("infinite")
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.4g}"


def _expected(n_product: int, n_event: int, n_total: int) -> tuple[str, ...]:
    formula = "E = (a + b)(a + c) / N"
    if not n_total:
        return formula, _("not defined: there are no reports")
    value = number(n_product * n_event / n_total)
    return formula, f"= {n_product} × {n_event} / {n_total} = {value}"


def _prr(t: Cells) -> tuple[str, ...]:
    formula = "PRR = (a / (a + b)) / (c / (c + d))"
    exposed, others = t.a + t.b, t.c + t.d
    if not exposed or not others or not t.c:
        return formula, _("not defined: no other product has the event, or a group is empty")
    value = (t.a / exposed) / (t.c / others)
    steps = (formula, f"= ({t.a} / {exposed}) / ({t.c} / {others}) = {number(value)}")
    if not t.a:
        return *steps, _("no limits: n is 0")
    s = sqrt(1 / t.a - 1 / exposed + 1 / t.c - 1 / others)
    return (
        *steps,
        f"s = √(1/{t.a} − 1/{exposed} + 1/{t.c} − 1/{others}) = {number(s)}",
        _limits("PRR", value, s),
    )


def _ror(t: Cells) -> tuple[str, ...]:
    formula = "ROR = a d / (b c)"
    if not t.b or not t.c:
        return formula, _("not defined: b or c is 0")
    value = t.a * t.d / (t.b * t.c)
    steps = (formula, f"= {t.a} × {t.d} / ({t.b} × {t.c}) = {number(value)}")
    if not t.a or not t.d:
        return *steps, _("no limits: a cell is 0")
    s = sqrt(1 / t.a + 1 / t.b + 1 / t.c + 1 / t.d)
    return (
        *steps,
        f"s = √(1/{t.a} + 1/{t.b} + 1/{t.c} + 1/{t.d}) = {number(s)}",
        _limits("ROR", value, s),
    )


def _limits(name: str, value: float, s: float) -> str:
    low, high = value * exp(-Z * s), value * exp(Z * s)
    return _(
        "95 % limits = {name} × e^(±{z} × s) = {low} to {high}",
        name=name,
        z=Z,
        low=number(low),
        high=number(high),
    )


def _rrr(n: int, expected: float | None) -> tuple[str, ...]:
    if not expected:
        return "RRR = n / E", _("not defined: E is 0")
    return "RRR = n / E", f"= {n} / {number(expected)} = {number(n / expected)}"


def _ic(n: int, expected: float | None) -> tuple[str, ...]:
    formula = "IC = log2((n + ½) / (E + ½)), in bits"
    if expected is None:
        return formula, _("not defined: E is not")
    value = log2((n + 0.5) / (expected + 0.5))
    low, high = (float(gammaincinv(n + 0.5, tail)) for tail in (0.025, 0.975))
    return (
        formula,
        f"= log2({n + 0.5:g} / {number(expected + 0.5)}) = {number(value)}",
        _(
            "IC025, IC975 = log2(g / (E + ½)), g the 2.5 % and 97.5 % points of a gamma "
            "distribution of shape {n:g} and scale 1: {low}, {high}",
            n=n + 0.5,
            low=number(low),
            high=number(high),
        ),
        f"= {number(log2(low / (expected + 0.5)))} to {number(log2(high / (expected + 0.5)))}",
    )


def _ebgm(n: int, expected: float | None, prior: Prior | None) -> tuple[str, ...]:
    formula = "EBGM = e^(Q m1 + (1 − Q) m2), m_i = ψ(α_i + n) − ln(β_i + E)"
    if prior is None:
        return formula, _("not defined: no prior was fitted at the checkpoint before")
    if expected is None:
        return formula, _("not defined: E is not")
    found = ebgm(n, expected, prior)
    q = float(found.weight)
    mean = [
        float(digamma(shape + n) - log(rate + expected))
        for shape, rate in ((prior.alpha1, prior.beta1), (prior.alpha2, prior.beta2))
    ]
    value, low, high = (float(x) for x in found[:3])
    return (
        formula,
        f"= e^({number(q)} × {number(mean[0])} + {number(1 - q)} × {number(mean[1])})"
        f" = {number(value)}",
        _(
            "prior, fitted to all pairs at the checkpoint: P Γ(α1, β1) + (1 − P) Γ(α2, β2), α1 = "
            "{alpha1}, β1 = {beta1}, α2 = {alpha2}, β2 = {beta2}, P = {p}",
            alpha1=number(prior.alpha1),
            beta1=number(prior.beta1),
            alpha2=number(prior.alpha2),
            beta2=number(prior.beta2),
            p=number(prior.p),
        ),
        _(
            "Q = P f1 / (P f1 + (1 − P) f2) = {q}, f_i the negative binomial probability of n = "
            "{n} with shape α_i and mean α_i E / β_i",
            q=number(q),
            n=n,
        ),
        _(
            "EB05, EB95 (90 %) = 5 % and 95 % points of Q Γ(α1 + n, β1 + E) + (1 − Q) Γ(α2 + n, "
            "β2 + E) = {low} to {high}",
            low=number(low),
            high=number(high),
        ),
    )


def _chi2(t: Cells, *, yates: bool) -> tuple[str, ...]:
    total = t.a + t.b + t.c + t.d
    margins = (t.a + t.b, t.c + t.d, t.a + t.c, t.b + t.d)
    less = " − N/2" if yates else ""
    formula = f"N (|a d − b c|{less})² / ((a+b)(c+d)(a+c)(b+d))"
    if not all(margins):
        return formula, _("not defined: a margin is 0")
    difference = abs(t.a * t.d - t.b * t.c)
    inner = max(difference - total / 2, 0) if yates else difference
    value = total * inner**2 / (margins[0] * margins[1] * margins[2] * margins[3])
    shown = f"{difference}" + (f" − {total / 2:g}" if yates else "")
    capped = _(", the difference never taken past 0") if yates and difference < total / 2 else ""
    product = " × ".join(str(margin) for margin in margins)
    return formula, f"= {total} × ({shown})² / ({product}) = {number(value)}{capped}"


def _fisher(t: Cells, *, mid: bool) -> tuple[str, ...]:
    total = t.a + t.b + t.c + t.d
    what = f"P(X ≥ {t.a}) − ½ P(X = {t.a})" if mid else f"P(X ≥ {t.a})"
    return (
        _("p = {what}, one-sided", what=what),
        _(
            "X: how many of {c} reports of the event fall, by chance alone, among the {b} of the "
            "product, out of {total} (hypergeometric)",
            c=t.a + t.c,
            b=t.a + t.b,
            total=total,
        ),
    )
