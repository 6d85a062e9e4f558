"""What is thought of records before they are written: read, coded, and judged by the suite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from schemas import times
from schemas.coding import code
from schemas.envelope import Change
from schemas.errors import Fault
from schemas.linking import ids_of
from schemas.quality import QualityResult, QualitySuite, Row
from schemas.record import Stream
from schemas.vocabulary import Vocabulary
from streams.agents.items import Item
from streams.agents.quality import SUITE_ERROR
from streams.sealing import Sealer
from streams.store.enclosed import opened


class Judging:
    """Judges the records of one stream; says so on the items themselves.

    `kept`: what erased records count as, by their sealed hash.
    """

    def __init__(
        self,
        stream: Stream,
        sealer: Sealer | None,
        vocabulary: Vocabulary,
        kept: Mapping[bytes, Change],
    ) -> None:
        self._stream: Stream = stream
        self._sealer = sealer
        self._vocabulary = vocabulary
        self._kept = kept
        self._suite = QualitySuite(stream)

    def read(self, items: Iterable[Item]) -> None:
        """Decode the bodies and code the names of what the gateway found in order."""
        for item in items:
            entry = item.entry
            if entry.faults:
                item.stage, item.faults = "gateway", entry.errors()
                continue
            if (counted := self._kept.get(entry.sealed_hash)) is not None:
                item.coded, item.erased = counted, True
                continue
            item.plain = opened(self._sealer, entry.body)
            item.body = msgspec.json.decode(item.plain)
            if self._stream == "reports":
                coding = code(self._vocabulary, item.body, times.day(entry.information_date))
                item.coded = Change(
                    "case",
                    dataset=coding.dataset,
                    products=coding.products,
                    events=coding.events,
                    serious=coding.serious,
                    fatal=coding.fatal,
                    ids=ids_of(entry.sender, entry.record_id or "", item.body),
                )

    def check(self, items: Sequence[Item]) -> QualityResult:
        """Run the quality suite; rows that fail one of its row rules are held."""
        rows = [
            Row(
                place=i,
                sender=item.entry.sender,
                record_id=item.entry.record_id or "",
                version=item.entry.version,
                taken_day=int(item.entry.taken_at // 86400) + 719163,
                body=item.body,
                unknown_products=sum(not p.matched for p in item.coded.products),
                unknown_events=sum(not e.matched for e in item.coded.events),
                n_products=len(item.coded.products),
                n_events=len(item.coded.events),
            )
            for i, item in enumerate(items)
            if not item.faults and not item.erased and item.entry.status == "active"
        ]
        result = self._suite.check(rows) if rows else QualityResult({}, [], set())
        for row in rows:
            items[row.place].judged = ()
        for i, found in result.row_faults.items():
            item = items[i]
            item.stage, item.rule = "quality", found[0][0]
            item.judged = tuple(rule for rule, _ in found)
            item.faults = tuple(Fault(rule, "", message) for rule, message in found)
        for i in result.suite_errors:
            items[i].stage, items[i].rule = "suite", None
            items[i].judged = (SUITE_ERROR,)
            items[i].faults = (
                Fault(SUITE_ERROR, "", "the quality suite could not judge this record"),
            )
        return result
