"""A rate of the cohort beside what reports say of the same pair, and whether the two agree."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.board.rates import NOTHING, Counted, Limits, ratio
from dashboards.board.reported import Reported
from dashboards.language import _, mark, thousands
from detectors.followup.agreement import Side, Verdict, agreement, reference, side
from detectors.followup.background import Backgrounds, Rate

RULE = (
    mark(
        "The cohort stands out where the lower 95 % limit of its rate ratio is above 1, the "
        "spontaneous reports where that of the IC (IC025) is above 0."
    ),
    mark("Both stand out, or neither does: they agree."),
    mark(
        "One alone does: they disagree, whether the other's interval lies below 1 (0 for the IC) "
        "or reaches over it."
    ),
    mark(
        "No person-time, no reference, or no reports that could show it: they cannot be compared."
    ),
    mark(
        "The reference is the default background rate, found in the same way in people who were "
        "not given the product; where there is none, the other products of the cohort."
    ),
    mark(
        "First events are compared over patient-years; where the event is counted by session, "
        "over the sessions up to the first."
    ),
    mark(
        "A rate and a disproportionality measure different things: no common estimate is made of "
        "them."
    ),
)


@dataclass(frozen=True, slots=True)
class Beside:
    """One product and event: the cohort's ratio to its reference, the reports, the verdict.

    First events over `time`: patient-years, or where the event is counted by session, the sessions
    up to the first. `otherwise`: the comparable backgrounds by which the verdict would be another.
    """

    counted: Counted
    by_session: bool
    time: float
    reference: str
    against: Rate | None
    n_reference: float
    time_reference: float
    ratio: Limits
    spontaneous: Reported
    solicited: Reported
    grouped: bool
    otherwise: tuple[str, ...]

    @property
    def side(self) -> Side:
        """Where the ratio lies about 1."""
        return side(self.ratio.lower, self.ratio.upper, 1)

    @property
    def verdict(self) -> Verdict:
        """Whether cohort and spontaneous reports agree."""
        return agreement(self.side, self.spontaneous.side)

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with what it rests on."""
        cohort, reports = self._cohort(), self._reports()
        if self.verdict == "not comparable":
            unknown = [
                text
                for text, known in ((cohort, self.side), (reports, self.spontaneous.side))
                if known == "unknown"
            ]
            return _("They cannot be compared: {unknown}.", unknown=_(", and ").join(unknown))
        if self.verdict == "disagree":
            return _("They disagree: {cohort}, but {reports}.", cohort=cohort, reports=reports)
        if self.side == "above":
            return _("They agree: {cohort}, and {reports}.", cohort=cohort, reports=reports)
        return _(
            "They agree that nothing stands out: {cohort}, and {reports}. That does not show that "
            "there is no harm.",
            cohort=cohort,
            reports=reports,
        )

    def _cohort(self) -> str:
        if not self.time:
            return _(
                "nobody in the cohort was at risk, for want of a record that could have shown it"
            )
        if self.side == "unknown" and self.time_reference:
            return _(
                "neither {product} nor its reference has an event", product=self.counted.product
            )
        if self.side == "unknown":
            return _("there is no rate to compare the cohort's with")
        told = {"reference": self.reference, "ratio": shown(self.ratio)}
        if self.side == "above":
            return _("the cohort's rate is above that of {reference} (ratio {ratio})", **told)
        if self.side == "below":
            return _("the cohort's rate is below that of {reference} (ratio {ratio})", **told)
        return _(
            "the cohort's rate cannot be told from that of {reference} (ratio {ratio})", **told
        )

    def _reports(self) -> str:
        product = self.counted.product
        if self.spontaneous.side == "unknown":
            if not self.grouped:
                return _("reports are not counted by this group of terms")
            return _(
                "no spontaneous report of {product}, or none of the event, is counted",
                product=product,
            )
        told = {"product": product, "ic": shown(self.spontaneous.ic)}
        if self.spontaneous.side == "above":
            return _(
                "spontaneous reports name it with {product} more often than expected (IC {ic})",
                **told,
            )
        if self.spontaneous.side == "below":
            return _(
                "spontaneous reports name it with {product} less often than expected (IC {ic})",
                **told,
            )
        return _(
            "spontaneous reports name it with {product} as often as expected, or are too few to "
            "tell (IC {ic})",
            **told,
        )


def beside(
    whole: Counted,
    every: Counted | None,
    backgrounds: Backgrounds,
    spontaneous: Reported,
    solicited: Reported,
    *,
    grouped: bool = True,
) -> Beside:
    """The comparison of a product as a whole; `every`: all products of the cohort together.

    `grouped`: whether reports are counted by the event at all.
    """
    all_of_it = every or whole
    by_session = all_of_it.sessions > 0
    time, total = (
        (float(one.sessions_to_first) if by_session else one.years) for one in (whole, all_of_it)
    )
    against = None if by_session else reference(backgrounds, whole.event)
    if against is not None:
        name = _("people not given it ({name})", name=_(against.name.replace("_", " ")))
        n, elsewhere = against.counted
    else:
        name, n, elsewhere = _("the cohort's other products"), all_of_it.n - whole.n, total - time
    # of 0 events on both sides every ratio is possible
    known = time > 0 and elsewhere > 0 and whole.n + n > 0
    found = ratio(whole.n, time, n, elsewhere) if known else NOTHING
    verdict = agreement(side(found.lower, found.upper, 1), spontaneous.side)
    return Beside(
        whole,
        by_session,
        time,
        name,
        against,
        n,
        elsewhere,
        found,
        spontaneous,
        solicited,
        grouped,
        tuple(
            rate.name
            for rate in backgrounds.of(whole.event)
            if against is not None
            and rate != against
            and rate.unit == "patient-years"
            and not rate.treated
            and agreement(_side(whole, rate), spontaneous.side) != verdict
        ),
    )


def shown(limits: Limits) -> str:
    """An estimate with its limits, in words.

    >>> shown(Limits(2.0, 1.25, None)), shown(Limits(-0.5, -1.0, 0.25)), shown(NOTHING)
    ('2, 95\xa0% from 1.25', '−0.5, 95\xa0% −1 to 0.25', '–')
    """
    value, lower, upper = (None if x is None else figure(x) for x in limits)
    if lower is None:
        return "–"
    interval = (
        _("95\u00a0% from {lower}", lower=lower)
        if upper is None
        else _("95\u00a0% {lower} to {upper}", lower=lower, upper=upper)
    )
    return f"{value or _('not defined')}, {interval}"


def figure(value: float | None) -> str:
    """A number with three significant digits and no exponent; a dash where there is none.

    >>> [figure(x) for x in (0.0, 0.0011, -0.25, 24.56, 1234.5, None)]
    ['0', '0.0011', '−0.25', '24.6', '1,234', '–']
    """
    if value is None:
        return "–"
    digits = f"{value:.3g}"
    if "e" in digits:
        digits = (
            thousands(f"{value:,.0f}") if abs(value) > 1 else f"{value:.8f}".rstrip("0").rstrip(".")
        )
    return digits.replace("-", "−")


def _side(whole: Counted, rate: Rate) -> Side:
    found = ratio(whole.n, whole.years, *rate.counted)
    return side(found.lower, found.upper, 1)
