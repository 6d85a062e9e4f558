"""What is asked of a simulation: how many courses, over how long, and what is planted."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from schemas.errors import InputError
from streams.simulate.cohort.figures import Arm, figures, harms

LEVELS = ("weak", "moderate", "strong")
_MOST = 1000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A simulation; the same plan gives the same courses.

    `days` is the length of the calendar. Courses begin evenly over the first `entry` of it (a
    share; 0: all on the first day) and are followed to their exit or to its last day. `plants`
    gives the strength of what is planted, by name; it changes nothing of the courses that it does
    not strike. `arms` weighs the arms, in place of the shares in the figures. `prefix` stands
    before pseudonyms and record ids.

    Raises `InputError` ("bad_plan", "unknown_harm", "bad_strength").
    """

    courses: int = 1000
    days: int = 730
    seed: int = 1
    entry: float = 0.5
    plants: Mapping[str, float] = field(default_factory=dict)
    arms: Mapping[str, float] | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        if self.courses < 1 or self.days < 1 or self.seed < 0 or not 0 <= self.entry <= 1:
            raise InputError(
                "bad_plan", "courses and days are 1 or more, the seed 0 or more, entry 0 to 1"
            )
        weights = self.arms or {}
        names = {arm.name for arm in figures().arm}
        if not weights.keys() <= names or not all(weight > 0 for weight in weights.values()):
            raise InputError("bad_plan", f"arms have a weight above 0: {', '.join(sorted(names))}")
        for name, strength in self.plants.items():
            _checked(name, strength)

    @property
    def treatments(self) -> list[tuple[Arm, float]]:
        """The arms with their shares."""
        weights = {arm.name: arm.share for arm in figures().arm} if self.arms is None else self.arms
        total = sum(weights.values())
        return [(arm, weights[arm.name] / total) for arm in figures().arm if arm.name in weights]

    def strength(self, name: str) -> float:
        """Of a harm; that of no harm where it is not planted.

        >>> Plan(plants={"misuse": 4}).strength("misuse"), Plan().strength("misuse")
        (4, 1.0)
        """
        return self.plants.get(name, harms()[name].none)

    def draws(self, what: str) -> np.random.Generator:
        """Random numbers for one thing, independent of what else is drawn.

        >>> a, b = Plan().draws("age").random(), Plan(plants={"misuse": 4}).draws("age").random()
        >>> a == b
        True
        """
        return np.random.default_rng([self.seed, zlib.crc32(what.encode())])


def plants(texts: Iterable[str]) -> dict[str, float]:
    """Strengths by name, from NAME=STRENGTH: a level or a number.

    >>> plants(["cystitis=weak", "cognition=0.7"])
    {'cystitis': 5.0, 'cognition': 0.7}
    """
    found = {}
    for text in texts:
        name, equals, strength = text.partition("=")
        harm = harms().get(name)
        if harm is not None and strength in LEVELS:
            found[name] = harm.strengths[LEVELS.index(strength)]
            continue
        try:
            found[name] = float(strength) if equals else math.nan
        except ValueError:
            found[name] = math.nan
        _checked(name, found[name])
    return found


def _checked(name: str, strength: float) -> None:
    harm = harms().get(name)
    if harm is None:
        raise InputError("unknown_harm", f"no harm is called {name!r}: {', '.join(harms())}")
    if not harm.none <= strength <= _MOST:
        raise InputError(
            "bad_strength",
            f"the strength of {name} is {', '.join(LEVELS)} or a number from {harm.none:g} to "
            f"{_MOST:g}: {harm.unit}",
        )
