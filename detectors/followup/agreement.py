"""Whether a cohort and spontaneous reports say the same of a product and an event."""

from __future__ import annotations

from typing import Literal

from detectors.followup.background import Backgrounds, Rate

Side = Literal["above", "around", "below", "unknown"]
Verdict = Literal["agree", "disagree", "not comparable"]


def side(lower: float | None, upper: float | None, neutral: float) -> Side:
    """Where an interval lies about the value that says neither more nor less.

    1 for a ratio of rates, 0 for an IC. Without a lower limit nothing is known; without an upper
    one there is none: the reference has no event.

    >>> side(1.2, 3.0, 1), side(0.9, None, 1), side(-2.0, -0.1, 0), side(None, None, 0)
    ('above', 'around', 'below', 'unknown')
    """
    if lower is None:
        return "unknown"
    if lower > neutral:
        return "above"
    return "below" if upper is not None and upper < neutral else "around"


def agreement(cohort: Side, reports: Side) -> Verdict:
    """The verdict on two sides.

    Both above, or neither: they agree. One alone above: they disagree, whether the other interval
    lies below or around, since what one source shows the other does not. Where a side is not known
    they cannot be compared. The rule is ours: a rate and a disproportionality measure different
    things, so that no common estimate is made of them.

    >>> agreement("above", "above"), agreement("above", "around"), agreement("below", "around")
    ('agree', 'disagree', 'agree')
    >>> agreement("unknown", "above")
    'not comparable'
    """
    if "unknown" in (cohort, reports):
        return "not comparable"
    return "agree" if (cohort == "above") == (reports == "above") else "disagree"


def reference(backgrounds: Backgrounds, event: str) -> Rate | None:
    """The background rate by which a cohort is judged: what to expect without the product.

    Found in the same way, per patient-year, of people who were not given the product; the default
    if it is such a one, else the first that is.

    >>> from detectors.followup.background import read
    >>> reference(read(), "Completed suicide").name, reference(read(), "Death")
    ('suicide_trd_claims', None)
    """
    return next(
        (r for r in backgrounds.of(event) if r.unit == "patient-years" and not r.treated), None
    )
