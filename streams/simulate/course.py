"""One patient's treatment, session by session."""

from __future__ import annotations

from random import Random

from streams.simulate.facts import Profile, profile

INDUCTION = {"esketamine": 8, "ketamine": 6, "arketamine": 4}


class Course:
    """A course of ketamine, esketamine or arketamine.

    Who is prone to an event stays so: what somebody had once comes back more often in them.

    >>> course = Course(Random(1), "P-1", "esketamine", "intranasal", "clinic")
    >>> sessions = [course.advance() for _ in range(8)]
    >>> course.sessions, course.phase
    (8, 'induction')
    """

    def __init__(self, rng: Random, patient: str, product: str, route: str, setting: str) -> None:
        self._rng = rng
        self.patient = patient
        self.product = product
        self.route = route
        self.setting = setting
        self.sessions = 0
        self.age = min(85.0, max(18.0, round(rng.gauss(43, 13))))
        self.sex = "female" if rng.random() < 0.61 else "male"
        self.weight = round(min(160.0, max(45.0, rng.gauss(80, 16))), 1)
        # one draw an event, so that being prone to it carries over from phase to phase
        self._thresholds: dict[str, float] = {}

    @property
    def phase(self) -> str:
        """Of the latest session."""
        if self.setting == "home":
            return "maintenance"
        return "induction" if self.sessions <= INDUCTION[self.product] else "maintenance"

    @property
    def profile(self) -> Profile:
        """What the present phase brings."""
        return profile(self.product, self.phase, self.setting)

    def advance(self) -> tuple[str, ...]:
        """The next session: what happened in it."""
        self.sessions += 1
        now = self.profile
        within = self.sessions
        if self.phase == "maintenance" and self.setting != "home":
            within -= INDUCTION[self.product]
        chance = now.chance(within)
        return tuple(
            event
            for event in now.percent
            if self._threshold(event) < now.prone(event) and self._rng.random() < chance
        )

    def _threshold(self, event: str) -> float:
        if event not in self._thresholds:
            self._thresholds[event] = self._rng.random()
        return self._thresholds[event]
