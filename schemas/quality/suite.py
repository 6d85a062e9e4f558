"""The quality suite over a batch of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from schemas.quality import expectations, measures
from schemas.quality.limits import limits
from schemas.quality.senders import Row, Tally, gather
from schemas.record import Stream

_MEASURES = {"reports": measures.report, "followups": measures.followup}


@dataclass(frozen=True, slots=True)
class BatchFinding:
    """What a batch rule says of a sender: the share seen in `records` records, and its limit."""

    sender: str
    rule: str
    records: int
    observed: float
    limit: float
    passed: bool


@dataclass(frozen=True, slots=True)
class QualityResult:
    """What the suite found.

    `row_faults`: for each place, the row rules that its record fails, with a message each;
    `batch`: the batch rules judged; `suite_errors`: the places that no rule could judge.
    """

    row_faults: dict[int, list[tuple[str, str]]]
    batch: list[BatchFinding]
    suite_errors: set[int]


class QualitySuite:
    """The rules of one stream.

    Row rules look at one record alone: what they say of it does not depend on the batch it rode
    in. Where one raises, or fails without naming rows, the batch is tried in ever smaller parts
    down to single rows, and the rows it still raises on are `suite_errors`; a rule that raises
    even on an empty row is broken, and then the whole batch is. Batch rules flag a sender once
    enough of its rows have come (`min_records` of `limits.toml`), over several batches if need be.

    `further` adds row rules: expectations of Great Expectations over a frame with one column a
    rule of `limits.toml` and the column `place`.

    >>> suite = QualitySuite("reports")
    >>> body = {"received_at": "2025-07-03", "patient": {"age_years": 212}}
    >>> row = Row(0, "clinic-a", "A-1", None, 739_436, body, 0, 0, 1, 1)
    >>> suite.check([row]).row_faults
    {0: [('age_range', 'the age is not between 0 and 125 years')]}
    """

    def __init__(self, stream: Stream, further: Mapping[str, Any] | None = None) -> None:
        self._measure = _MEASURES[stream]
        self._limits = limits().of(stream)
        self._says = {rule: limit.says for rule, limit in self._limits.rows.items()}
        self._rules: dict[str, Any] = {
            rule: expectations.between(rule, limit.min, limit.max)
            for rule, limit in self._limits.rows.items()
        } | dict(further or {})
        self._suites: dict[frozenset[str], Any] = {}
        self._batch_suite = expectations.suite(
            {"share_within_limit": expectations.between("excess", None, 0)}
        )
        self._tallies: dict[str, Tally] = {}

    def check(self, rows: Sequence[Row]) -> QualityResult:
        """Judge a batch."""
        found: dict[str, set[int]] = {rule: set() for rule in self._rules}
        frame, errors = self._frame(rows)
        if len(frame) and (rules := self._suite_for(frame)) is not None:
            self._decide(frame, rules, found, errors)
        faults: dict[int, list[tuple[str, str]]] = {}
        for rule, places in found.items():
            says = self._says.get(rule, f"the record fails the rule {rule}")
            for place in places - errors:
                faults.setdefault(place, []).append((rule, says))
        gather(self._tallies, rows)
        return QualityResult(faults, self._judge_senders(), errors)

    def _suite_for(self, frame: Any) -> Any:
        """The suite without the ranges of measures that no row has: each costs some 7 ms a run.

        None where no rule is left to judge by.
        """
        absent = frozenset(rule for rule in self._limits.rows if frame[rule].isna().all())
        if absent not in self._suites:
            here = {rule: e for rule, e in self._rules.items() if rule not in absent}
            self._suites[absent] = expectations.suite(here) if here else None
        return self._suites[absent]

    def _frame(self, rows: Sequence[Row]) -> tuple[Any, set[int]]:
        """The measures of each row as columns, and the places that cannot be measured."""
        places: list[int] = []
        measured: list[measures.Measure] = []
        errors: set[int] = set()
        for row in rows:
            try:
                measured.append(self._measure(row.body, row.taken_day))
            except Exception:  # whatever a body holds, one record must not stop the others
                errors.add(row.place)
            else:
                places.append(row.place)
        columns = {rule: [measure[rule] for measure in measured] for rule in self._limits.rows}
        return pd.DataFrame({expectations.PLACE: places, **columns}), errors

    def _decide(self, frame: Any, rules: Any, found: dict[str, set[int]], errors: set[int]) -> None:
        open_rules = {}
        for rule, places in expectations.judge(frame, rules).items():
            if places is None:
                open_rules[rule] = self._rules[rule]
            else:
                found[rule].update(places)
        if not open_rules:
            return
        undecided = expectations.suite(open_rules)
        if len(frame) == 1 or self._broken(frame, undecided):
            errors.update(frame[expectations.PLACE].tolist())
            return
        middle = len(frame) // 2
        self._decide(frame.iloc[:middle].infer_objects(), undecided, found, errors)
        self._decide(frame.iloc[middle:].infer_objects(), undecided, found, errors)

    def _broken(self, frame: Any, rules: Any) -> bool:
        blank = pd.DataFrame({column: [None] for column in frame}).assign(place=-1)
        return None in expectations.judge(blank, rules).values()

    def _judge_senders(self) -> list[BatchFinding]:
        ready = [s for s, t in self._tallies.items() if t.records >= limits().min_records]
        if not ready:
            return []
        judged = [
            (sender, rule, tally.records, tally.share(rule), limit.max)
            for sender, tally in [(sender, self._tallies.pop(sender)) for sender in ready]
            for rule, limit in self._limits.batch.items()
        ]
        frame = pd.DataFrame(
            {
                expectations.PLACE: range(len(judged)),
                "excess": [share - limit for _, _, _, share, limit in judged],
            }
        )
        named = expectations.judge(frame, self._batch_suite)["share_within_limit"]
        # without a verdict no sender passes
        above = set(range(len(judged)) if named is None else named)
        return [BatchFinding(*finding, i not in above) for i, finding in enumerate(judged)]
