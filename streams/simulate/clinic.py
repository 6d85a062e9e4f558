"""A simulated clinic: reports, and later versions, repeats, nullifications and slips of them."""

from __future__ import annotations

import heapq
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import accumulate, count
from random import Random
from typing import Any

from detectors.calibration.controls import controls_for, negative_controls
from streams.simulate import slips
from streams.simulate.course import Course
from streams.simulate.facts import Planted, background, planted

Record = dict[str, Any]

_HISTORY = timedelta(days=60)
_COUNTRIES = ("US", "US", "US", "GB", "DE", "FR", "CA", "AU")
_REPORTERS = ("physician", "other_health_professional", "pharmacist", "consumer")
_NAMES = {
    "esketamine": ("Spravato", "SPRAVATO", "esketamine", "Esketamine hydrochloride"),
    "ketamine": ("Ketamine", "KETALAR", "ketamine hydrochloride", "ketamine hcl", "ketamin"),
    "arketamine": ("arketamine", "R-ketamine"),
}
# of all reports; the rest is background
_SHARES = {"esketamine": 0.11, "ketamine": 0.16, "arketamine": 0.01}
_ROUTES = (
    ("intravenous", "clinic", 0.60),
    ("intramuscular", "clinic", 0.14),
    ("sublingual", "home", 0.10),
    ("intranasal", "clinic", 0.08),
    ("subcutaneous", "clinic", 0.05),
    ("oral", "telehealth", 0.03),
)
_PATIENTS = 40
# what happens to a report later on, in parts of all reports
_LATER = (("late version", 0.02), ("version first", 0.01), ("nullification", 0.01))
# events that have to do with no product, so that the self-test has something to judge
_CONTROL = 0.04
_CONTROLS = [one.event for one in controls_for("ketamine", negative_controls())][:15]
_REPEAT, _CONFLICT, _SLIP = 0.01, 0.002, 0.008


class Mix:
    """Products and events of the background: the same for every clinic and every seed."""

    def __init__(self) -> None:
        facts = background()
        self.products = facts.products
        rng = Random("background")
        weights = [1 / (rank + 10) for rank in range(1, len(facts.events) + 1)]
        self._events = facts.events
        self._cumulative = list(accumulate(weights))
        self._own = {product: rng.sample(facts.events, 5) for product in facts.products}

    def product(self, rng: Random) -> str:
        """Any product; the first ones of the list are the more frequent."""
        return self.products[int(len(self.products) * rng.random() ** 1.5)]

    def event(self, rng: Random, product: str = "") -> str:
        """An event; one in four is of those that the product is known for."""
        if product and rng.random() < 0.25:
            return rng.choice(self._own[product])
        return rng.choices(self._events, cum_weights=self._cumulative)[0]


class Clinic:
    """One clinic.

    `next(now)` gives the records that it sends at one moment, as bytes: a new report, and what
    falls due of earlier ones. Apart from its dates, all of it follows from the seed.
    `history`: so many of the first reports are dated back, evenly, up to sixty days.
    """

    def __init__(self, name: str, seed: int, *, history: int = 0) -> None:
        self.name = name
        self.history = history
        self.reports = 0
        self.sent: Counter[str] = Counter()
        self.started: dict[str, datetime] = {}
        self._rng = Random(f"{name}/{seed}")
        self._controls = Random(f"{name}/{seed}/controls")
        self._mix = Mix()
        self._courses: dict[tuple[str, str], list[Course]] = {}
        self._patients = count(1)
        self._due: list[tuple[int, int, str, bytes]] = []
        self._ties = count()
        self._plan = [one for one in planted() if one.sender in ("", name)]

    def next(self, now: datetime) -> list[bytes]:
        """What is sent now, in order; malformed ones among them."""
        self.reports += 1
        records = list(self._new(now))
        while self._due and self._due[0][0] <= self.reports:
            _, _, what, raw = heapq.heappop(self._due)
            self.sent[what] += 1
            records.append(raw)
        if self._rng.random() < _SLIP:
            code, raw = slips.draw(self._rng, self._report(now), now)
            self.sent[f"slip: {code}"] += 1
            records.append(raw)
        return records

    def _new(self, now: datetime) -> Iterator[bytes]:
        for one in self._plan:
            if one.cases and self.reports == one.after:
                yield from self._false_alarm(one, now)
        report = self._report(now)
        first = _bytes(report)
        draw = self._rng.random()
        for what, share in _LATER:
            if draw < share:
                other = self._revised(report, nullified=what == "nullification")
                if what == "version first":
                    first, other = other, first
                self._later(what, other, self._rng.randint(20, 200))
                break
            draw -= share
        else:
            if draw < _REPEAT:
                self._later("repeat", first, self._rng.randint(1, 50))
            elif draw < _REPEAT + _CONFLICT:
                self._later("version conflict", self._revised(report, version=None), 5)
        self.sent["report"] += 1
        yield first

    def _later(self, what: str, raw: bytes, after: int) -> None:
        heapq.heappush(self._due, (self.reports + after, next(self._ties), what, raw))

    def _revised(
        self, report: Record, *, version: int | None = 2, nullified: bool = False
    ) -> bytes:
        """The same case with more in it, or void."""
        revised = report | {"version": version or report["version"]}
        if nullified:
            revised["status"] = "nullified"
        else:
            more = {"term": self._mix.event(self._rng)}
            revised["reactions"] = [*report["reactions"], more]
        return _bytes(revised)

    def _false_alarm(self, one: Planted, now: datetime) -> Iterator[bytes]:
        for _ in range(one.cases):
            course = self._course(one.product, *self._where(one.product))
            report = self._treated(course, [one.event], now)
            self._later("nullification", self._revised(report, nullified=True), one.nullified_after)
            self.sent["report"] += 1
            self.started.setdefault(one.name, now)
            yield _bytes(report)

    def _report(self, now: datetime) -> Record:
        draw = self._rng.random()
        for product, share in _SHARES.items():
            if draw < share:
                where = self._where(product)
                events: tuple[str, ...] = ()
                while not events:
                    course = self._course(product, *where)
                    events = course.advance()
                return self._treated(course, self._named(course, events, now), now)
            draw -= share
        product = self._mix.product(self._rng)
        events_ = {self._mix.event(self._rng, product) for _ in range(self._rng.randint(1, 3))}
        events_ |= self._planted(product, "", "", now)
        products = [{"name": product, "role": "suspect", "route": "oral"}]
        if self._rng.random() < 0.3:
            products.append({"name": self._mix.product(self._rng), "role": "concomitant"})
        return self._shell(now, f"P{next(self._patients)}", products, sorted(events_))

    def _where(self, product: str) -> tuple[str, str]:
        """A route and a setting."""
        if product == "ketamine":
            weights = [weight for _, _, weight in _ROUTES]
            route, setting, _ = self._rng.choices(_ROUTES, weights=weights)[0]
            return route, setting
        return ("intranasal" if product == "esketamine" else "intravenous"), "clinic"

    def _course(self, product: str, route: str, setting: str) -> Course:
        """One of the clinic's patients; they come and go."""
        active = self._courses.setdefault((product, route), [])
        if len(active) < _PATIENTS or self._rng.random() < 0.05:
            patient = f"P{next(self._patients)}"
            active.append(Course(self._rng, patient, product, route, setting))
            if len(active) > _PATIENTS:
                active.pop(self._rng.randrange(_PATIENTS))
        return self._rng.choice(active)

    def _named(self, course: Course, events: tuple[str, ...], now: datetime) -> list[str]:
        """What the reporter names of a session's events, and what is planted."""
        named = set(self._rng.sample(events, min(len(events), self._rng.randint(1, 3))))
        if self._rng.random() < 0.3:
            named.add(self._mix.event(self._rng))
        named |= self._planted(course.product, course.route, course.setting, now)
        return sorted(named)

    def _planted(self, product: str, route: str, setting: str, now: datetime) -> set[str]:
        found = set()
        for one in self._plan:
            if self._rng.random() < one.share(product, route, setting, self.reports):
                found.add(one.event)
                if one.strikes(product, route, setting, self.reports):
                    self.started.setdefault(one.name, now)
        return found

    def _treated(self, course: Course, events: list[str], now: datetime) -> Record:
        product: Record = {
            "name": self._rng.choice(_NAMES[course.product]),
            "role": "suspect",
            "route": course.route,
            "setting": course.setting,
            "phase": course.phase,
            "dose_mg": _dose(self._rng, course),
            "indication": "Treatment-resistant depression",
        }
        products = [product]
        if self._rng.random() < 0.6:
            # the first of the background's products are antidepressants
            products.append(
                {"name": self._rng.choice(self._mix.products[:10]), "role": "concomitant"}
            )
        report = self._shell(now, course.patient, products, events)
        report["patient"] |= {
            "sex": course.sex,
            "weight_kg": course.weight,
            "age_years": course.age,
        }
        return report

    def _shell(
        self, now: datetime, patient: str, products: list[Record], events: list[str]
    ) -> Record:
        rng = self._rng
        back = max(0.0, 1 - self.reports / self.history) if self.history else 0.0
        # live reports carry the moment, history the day
        moment = now - back * _HISTORY
        onset = (moment - timedelta(days=rng.randint(0, 5))).date().isoformat()
        serious = rng.random() < 0.12
        reactions: list[Record] = [{"term": term, "onset_at": onset} for term in events]
        if serious:
            reactions[0]["seriousness"] = [
                rng.choice(("hospitalisation", "other_medically_important", "disability"))
            ]
        reactions[0]["outcome"] = rng.choice(("recovered", "recovering", "unknown"))
        if self._controls.random() < _CONTROL:
            reactions.append({"term": self._controls.choice(_CONTROLS)})
        return {
            "sender": self.name,
            "report_id": f"{self.name}-{next(self._ties)}",
            "version": 1,
            "received_at": (
                moment.date().isoformat() if back else moment.isoformat(timespec="seconds")
            ),
            "report_type": "spontaneous",
            "reporter": rng.choice(_REPORTERS),
            "country": rng.choice(_COUNTRIES),
            "patient": {
                "pseudonym": f"{self.name}-{patient}",
                "age_years": rng.randint(18, 90),
                "sex": rng.choice(("female", "female", "male")),
            },
            "products": products,
            "reactions": reactions,
            "narrative": "Simulated for a demonstration; nobody was treated.",
        }


def _dose(rng: Random, course: Course) -> float:
    """One dose, mg: 56 or 84 nasal; 0.5 mg/kg by infusion; 300 to 450 under the tongue."""
    if course.product == "esketamine":
        return 56 if course.sessions == 1 else rng.choice((56, 84))
    if course.route in ("sublingual", "oral"):
        return rng.choice((300, 400, 450))
    return round(0.5 * course.weight, 1)


def _bytes(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()
