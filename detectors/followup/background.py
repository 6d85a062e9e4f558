"""Background rates: what to expect of people like those of the cohort, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Annotated, Literal

import msgspec

from detectors.scope import GROUP
from schemas.errors import InputError

Unit = Literal["patient-years", "sessions"]
FoundAs = Literal["fact", "reported", "form", "measured", "symptoms"]
_WORDS = {
    "fact": "a diagnosis, a death or another fact",
    "reported": "an adverse event as reported",
    "form": "a tick on the form of a risk programme",
    "measured": "a measurement at a visit",
    "symptoms": "a score of symptoms",
}
Positive = Annotated[float, msgspec.Meta(gt=0)]


class Rate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A background rate of one event: `n` over `person_time`, in its unit.

    A file may give `rate`, `lower` and `upper` (95 %) in their place: `n` and `person_time` are
    then those of a count with limits as wide. `treated`: of people given the product.
    """

    name: str
    event: str
    population: str
    source: str
    n: Annotated[float, msgspec.Meta(ge=0)] | None = None
    person_time: Positive | None = None
    rate: Positive | None = None
    lower: Positive | None = None
    upper: Positive | None = None
    unit: Unit = "patient-years"
    found_as: FoundAs = "fact"
    treated: bool = False
    default: bool = False
    note: str = ""

    @property
    def counted(self) -> tuple[float, float]:
        """(n, person-time); of limits, n = ((2 x 1.96) / log(upper / lower))^2.

        >>> rate = Rate("x", "Death", "all", "ours", rate=0.01, lower=0.005, upper=0.02)
        >>> [round(value, 3) for value in rate.counted]
        [7.995, 799.549]
        """
        if self.n is not None and self.person_time is not None:
            return self.n, self.person_time
        assert self.rate is not None
        assert self.lower is not None
        assert self.upper is not None
        n = (2 * 1.959964 / math.log(self.upper / self.lower)) ** 2
        return n, n / self.rate

    @property
    def value(self) -> float:
        """Events per unit of person-time."""
        n, person_time = self.counted
        return n / person_time


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: tuple[Rate, ...]
    groups: dict[str, tuple[str, ...]] = {}
    found_as: dict[str, FoundAs] = {}


@dataclass(frozen=True, slots=True)
class Backgrounds:
    """Every rate of a file, the groups of terms that it brings, and how events are found.

    >>> known = read()
    >>> [rate.name for rate in known.of("Cystitis interstitial")][:2]
    ['interstitial_cystitis_county', 'interstitial_cystitis_depressed_claims']
    >>> known.of("Sedation")
    ()
    >>> known.refused("Sedation")[0][1]
    'sedation_rems is a tick on the form of a risk programme, Sedation a measurement at a visit'
    """

    rates: tuple[Rate, ...]
    groups: dict[str, tuple[str, ...]]
    found_as: dict[str, FoundAs]

    def of(self, event: str) -> tuple[Rate, ...]:
        """The rates that an event of the cohort may be compared with, the default first."""
        wanted = self.found_as.get(event, "fact")
        found = [rate for rate in self.rates if (rate.event, rate.found_as) == (event, wanted)]
        return tuple(sorted(found, key=lambda rate: not rate.default))

    def refused(self, event: str) -> tuple[tuple[Rate, str], ...]:
        """The rates of the same event that it must not be compared with, each with the reason."""
        wanted = self.found_as.get(event, "fact")
        return tuple(
            (rate, f"{rate.name} is {_WORDS[rate.found_as]}, {event} {_WORDS[wanted]}")
            for rate in self.rates
            if rate.event == event and rate.found_as != wanted
        )

    def named(self, name: str, event: str) -> Rate:
        """One rate, for an event; InputError `unknown_background`, `not_comparable`."""
        rate = next((rate for rate in self.rates if rate.name == name), None)
        if rate is None:
            raise InputError("unknown_background", f"there is no background rate {name!r}")
        if rate not in self.of(event):
            reasons = [reason for held, reason in self.refused(event) if held == rate]
            text = reasons[0] if reasons else f"{name} is a rate of {rate.event}, not of {event}"
            raise InputError("not_comparable", text)
        return rate

    def memberships(self) -> dict[str, tuple[str, ...]]:
        """By term, the groups of the file that it stands in: to be added to those of a scope.

        >>> read().memberships()["Myocardial infarction"]
        ('coronary',)
        """
        out: dict[str, tuple[str, ...]] = {}
        for group, terms in self.groups.items():
            for term in terms:
                out[term] = (*out.get(term, ()), group)
        return out


def read(text: str | None = None) -> Backgrounds:
    """The background rates of a TOML text; without one, those that ship with the package.

    InputError `bad_background` for what is no such file: a rate needs a source, a count over
    person-time or a rate with limits about it, and a name of its own; an event at most one default
    among the rates found in one way, a group terms.
    """
    if text is None:
        text = files(__package__).joinpath("background.toml").read_text(encoding="utf-8")
    try:
        held = msgspec.toml.decode(text, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("bad_background", f"not a file of background rates: {error}") from error
    names: set[str] = set()
    defaults: set[tuple[str, str]] = set()
    for rate in held.rate:
        _check(rate, held.groups)
        if rate.name in names:
            raise InputError("bad_background", f"two rates have the name {rate.name}")
        names.add(rate.name)
        if rate.default:
            if (rate.event, rate.found_as) in defaults:
                raise InputError("bad_background", f"{rate.event} has two defaults")
            defaults.add((rate.event, rate.found_as))
    return Backgrounds(held.rate, held.groups, held.found_as)


def _check(rate: Rate, groups: dict[str, tuple[str, ...]]) -> None:
    def refuse(why: str) -> None:
        raise InputError("bad_background", f"{rate.name}: {why}")

    if not rate.source.strip() or not rate.event.strip():
        refuse("it needs an event and a source")
    counted = rate.n is not None, rate.person_time is not None
    limits = tuple(value for value in (rate.lower, rate.rate, rate.upper) if value is not None)
    if counted == (True, True):
        if limits:
            refuse("it has a count and also a rate")
    elif any(counted) or len(limits) != 3:
        refuse("it needs n and person_time, or rate, lower and upper")
    elif not limits[0] < limits[1] < limits[2]:
        refuse("its rate does not lie between its limits")
    if rate.event.startswith(GROUP) and groups.get(rate.event.removeprefix(GROUP)) == ():
        refuse("its group has no terms")
