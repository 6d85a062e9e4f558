"""Simulated registries: courses followed session by session, and the forms that go with them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

from streams.simulate.clinic import Mix
from streams.simulate.facts import programme

Record = dict[str, Any]

_PATIENTS = 60


class _Patient:
    def __init__(self, rng: Random, number: int, product: str) -> None:
        facts = programme()
        self.name = f"R{number}"
        self.product = product
        self.sessions = 0
        self.age = min(85, max(18, round(rng.gauss(facts.median_age, 13))))
        self.sex = "female" if rng.random() < facts.women / 100 else "male"
        self.systolic = rng.gauss(122, 10)
        self.mood = rng.gauss(17, 3)
        self.last = _stay(rng)


def _stay(rng: Random) -> int:
    """How many sessions a patient gets, as the programme's figures have it."""
    draw = 100 * rng.random()
    stays = sorted((int(sessions), share) for sessions, share in programme().stays.items())
    for sessions, share in stays:
        if draw >= share:
            return rng.randint(1, sessions - 1)
    return rng.randint(stays[-1][0], 60)


class Registry:
    """One registry; `next(now)` gives the reports and the follow-up records of one session.

    Its reports are solicited: a form asks for them at every session. `product` is what its
    patients are treated with; a registry of antidepressants sees no sessions, only visits.
    """

    def __init__(self, name: str, product: str, seed: int) -> None:
        self.name = name
        self.product = product
        self.sent: Counter[str] = Counter()
        self._rng = Random(f"{name}/{seed}")
        self._mix = Mix()
        self._numbers = count(1)
        self._ids = count(1)
        self._patients: list[_Patient] = []

    @property
    def _sessions(self) -> bool:
        return self.product == "esketamine"

    def next(self, now: datetime) -> tuple[list[bytes], list[bytes]]:
        """The next session or visit of some patient: reports, follow-up records."""
        rng = self._rng
        records: list[Record] = []
        if len(self._patients) < _PATIENTS:
            patient = _Patient(rng, next(self._numbers), self.product)
            self._patients.append(patient)
            records.append(self._enrolment(patient, now))
        patient = rng.choice(self._patients)
        patient.sessions += 1
        if self._sessions:
            percent = programme().percent
            events = [event for event in percent if 100 * rng.random() < percent[event]]
            records += self._session(patient, events, now)
        else:
            events = [self._mix.event(rng, patient.product)] if rng.random() < 0.5 else []
            records.append(self._mood(patient, now))
        if patient.sessions >= patient.last:
            self._patients.remove(patient)
            reason = rng.choice(("completed", "withdrawn", "no_efficacy", "lost"))
            records.append(self._record(patient, now, "exit", reason=reason))
        self.sent["follow-up record"] += len(records)
        reports = [self._report(patient, events, now)] if events else []
        self.sent["solicited report"] += len(reports)
        return [_bytes(r) for r in reports], [_bytes(r) for r in records]

    def _enrolment(self, patient: _Patient, now: datetime) -> Record:
        return self._record(
            patient,
            now,
            "enrolment",
            product=patient.product,
            indication="Treatment-resistant depression",
            age_years=patient.age,
            sex=patient.sex,
        )

    def _session(self, patient: _Patient, events: list[str], now: datetime) -> list[Record]:
        """Dose, blood pressure before and at 40 minutes, sedation, dissociation, mood."""
        rng = self._rng
        rise = rng.gauss(8, 6) + (40 if "Blood pressure increased" in events else 0)
        pressures = ((0, patient.systolic), (40, patient.systolic + rise))
        records = [
            self._record(
                patient,
                now,
                "dose",
                product="SPRAVATO",
                dose_mg=56 if patient.sessions == 1 else 84,
                route="intranasal",
                setting="clinic",
                phase="induction" if patient.sessions <= 8 else "maintenance",
            ),
            *(
                self._record(
                    patient,
                    now,
                    "vital_signs",
                    minutes=minutes,
                    systolic_mmhg=round(systolic),
                    diastolic_mmhg=round(systolic * 0.64),
                )
                for minutes, systolic in pressures
            ),
            # the label's definitions: CADSS above 4, MOAA/S of 4 or less
            self._record(
                patient,
                now,
                "dissociation",
                minutes=40,
                score=rng.randint(5, 40) if "Dissociation" in events else rng.randint(0, 4),
            ),
            self._record(
                patient,
                now,
                "sedation",
                minutes=30,
                score=rng.choice((4, 4, 4, 3, 2)) if "Sedation" in events else 5,
            ),
        ]
        if patient.sessions % 4 == 1:
            records.append(self._mood(patient, now))
        return records

    def _mood(self, patient: _Patient, now: datetime) -> Record:
        patient.mood = min(27.0, max(0.0, patient.mood + self._rng.gauss(-0.8, 1.5)))
        return self._record(patient, now, "mood", instrument="PHQ-9", score=round(patient.mood))

    def _record(self, patient: _Patient, now: datetime, kind: str, **fields: object) -> Record:
        return {
            "registry": self.name,
            "record_id": f"{self.name}-F{next(self._ids)}",
            "version": 1,
            "patient": f"{self.name}-{patient.name}",
            "course": "1",
            "at": now.isoformat(timespec="seconds"),
            "kind": kind,
            **fields,
        }

    def _report(self, patient: _Patient, events: list[str], now: datetime) -> Record:
        product: Record = {"name": patient.product, "role": "suspect"}
        if self._sessions:
            product |= {"name": "SPRAVATO", "route": "intranasal", "setting": "clinic"}
        onset = (now - timedelta(hours=1)).isoformat(timespec="seconds")
        return {
            "sender": self.name,
            "report_id": f"{self.name}-{next(self._ids)}",
            "version": 1,
            "received_at": now.isoformat(timespec="seconds"),
            "report_type": "solicited",
            "reporter": "physician",
            "country": "US",
            "patient": {
                "pseudonym": f"{self.name}-{patient.name}",
                "age_years": patient.age,
                "sex": patient.sex,
            },
            "products": [product],
            "reactions": [{"term": event, "onset_at": onset} for event in events],
        }


def _bytes(record: Record) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode()
