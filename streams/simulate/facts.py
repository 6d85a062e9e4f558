"""The figures a simulation is drawn from: published frequencies, background, what is planted."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

import msgspec


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one phase of a treatment brings: percent of patients with an event over the phase.

    `first` and `later`: the chance that a session of somebody prone to an event brings it, in the
    first two sessions of the phase and afterwards.
    """

    product: str
    sessions: int
    first: float
    later: float
    source: str
    percent: dict[str, float]
    phase: Literal["induction", "maintenance"] = "induction"
    setting: str = "clinic"
    week_one: dict[str, float] = {}

    def chance(self, session: int) -> float:
        """Of an event in a session (from 1 on) of somebody prone to it."""
        return self.first if session <= 2 else self.later

    def prone(self, event: str) -> float:
        """The share of patients that makes the total over the phase come out as published.

        >>> profile = Profile("x", 2, 0.5, 0.5, "", {"Nausea": 75.0})
        >>> profile.prone("Nausea")  # half of them twice: three in four of those prone have it
        1.0
        """
        never = 1.0
        for session in range(1, self.sessions + 1):
            never *= 1 - self.chance(session)
        return self.percent[event] / 100 / (1 - never)


class Programme(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a form asked at every session finds: percent of sessions; percent who stay so long."""

    source: str
    percent: dict[str, float]
    stays: dict[str, float]
    women: float
    median_age: float


class Planted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A signal that is planted, or a false alarm that is taken back; see planted.toml."""

    name: str
    product: str
    event: str
    background: float
    expect: Literal["raised", "withdrawn"]
    why: str
    ratio: float = 1.0
    route: str = ""
    setting: str = ""
    shows_as: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    after: int = 0
    cases: int = 0
    nullified_after: int = 0
    sender: str = ""

    def strikes(self, product: str, route: str, setting: str, count: int) -> bool:
        """Whether a report of this product, route and setting, the `count`-th, is planted."""
        return (
            not self.cases
            and product == self.product
            and self.route in ("", route)
            and self.setting in ("", setting)
            and count >= self.after
        )

    def share(self, product: str, route: str, setting: str, count: int) -> float:
        """The chance that such a report names the event."""
        if self.strikes(product, route, setting, count):
            return self.background * self.ratio
        return 0.0 if product in self.absent else self.background

    @property
    def pairs(self) -> tuple[str, ...]:
        """The product, or the strata of it, under which it is to be found."""
        return self.shows_as or (self.product,)


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    profile: tuple[Profile, ...]
    programme: Programme


class Background(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Products and events of everything else, the most frequent events first."""

    products: tuple[str, ...]
    events: tuple[str, ...]


class _Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    planted: tuple[Planted, ...]
    courses: dict[str, dict[str, float]]


_T = TypeVar("_T")


def _read(name: str, kind: type[_T]) -> _T:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), kind)


@cache
def profiles() -> tuple[Profile, ...]:
    """Every profile."""
    return _read("facts.toml", _Facts).profile


@cache
def programme() -> Programme:
    """The figures of a risk programme."""
    return _read("facts.toml", _Facts).programme


@cache
def background() -> Background:
    """Products and events of the background."""
    return _read("background.toml", Background)


@cache
def planted() -> tuple[Planted, ...]:
    """What the demo plants."""
    return _read("planted.toml", _Plan).planted


@cache
def planted_in_courses() -> dict[str, dict[str, float]]:
    """What the demo plants in the courses of each registry: strengths by harm."""
    return _read("planted.toml", _Plan).courses


def profile(product: str, phase: str, setting: str = "clinic") -> Profile:
    """The profile of a product in a phase, of its setting where there is one of its own."""
    own = [p for p in profiles() if p.product == product]
    special = [p for p in own if p.setting == setting != "clinic"]
    usual = [p for p in own if p.setting == "clinic" and p.phase == phase]
    return (special or usual or own)[0]
