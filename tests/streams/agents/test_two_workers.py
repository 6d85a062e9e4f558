"""Two workers whose partitions hold records of one case, of one patient: nothing is lost of it."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from sqlalchemy import select

from detectors.followup.course import decode_course
from schemas.envelope import VERSION, Envelope
from streams.agents.course_verification import check_courses
from streams.agents.disposal import Disposal
from streams.agents.items import Taken
from streams.agents.verification import check_dispositions, check_newest
from streams.store import tables
from streams.store.conservation import conservation
from streams.store.store import Store, bind_log, open_store
from tests.streams.agents.test_courses import LOG, VOCABULARY, entry, expected, urinary

PARTITIONS = 3


def lots(seed: int, count: int) -> list[list[list[dict[str, Any]]]]:
    """For each partition envelopes of records that name the same cases and patients."""
    chance = random.Random(seed)

    def one() -> dict[str, Any]:
        number, version = chance.randrange(12), chance.randrange(1, 6)
        return urinary(
            f"F-{number}",
            f"2025-03-{1 + number:02d}",
            (number * 3 + version) % 16,
            version=version,
            status="nullified" if (number + version) % 7 == 0 else "active",
            patient=f"p{(number * version) % 3}",
        )

    return [[[one() for _ in range(6)] for _ in range(count)] for _ in range(PARTITIONS)]


@pytest.mark.postgresql
@pytest.mark.parametrize("seed", range(3))
def test_records_of_one_case_in_several_partitions_end_as_in_one(
    postgresql: str, seed: int
) -> None:
    """A corrected record can name another patient, and with him another partition."""
    stores = [open_store(postgresql) for _ in range(PARTITIONS)]
    with stores[0].write() as connection:
        ends = {("followups", partition): 10**6 for partition in range(PARTITIONS)}
        bind_log(connection, "follow_up", LOG, ends)
    sent = lots(seed, 8)
    failed: list[BaseException] = []

    def work(store: Store, partition: int) -> None:
        disposal = Disposal("followups", store, VOCABULARY, LOG)
        try:
            for offset, lot in enumerate(sent[partition]):
                records = tuple(entry(i, record) for i, record in enumerate(lot))
                disposal.dispose(
                    [Taken(partition, offset, Envelope(VERSION, "followups", records))]
                )
        except BaseException as error:
            failed.append(error)

    threads = [
        threading.Thread(target=work, args=(store, partition))
        for partition, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    with stores[0].read() as connection:
        law = conservation(connection, {})["followups"]
        checks = [
            check_dispositions(connection),
            check_newest(connection),
            check_courses(connection, VOCABULARY),
        ]
        courses = {
            row.patient: decode_course(row.state)
            for row in connection.execute(select(tables.courses))
        }
    for store in stores:
        store.close()
    assert law.holds
    assert law.received == PARTITIONS * 8 * 6
    assert [check for check in checks if not check.holds] == []
    records = [record for part in sent for lot in part for record in lot]
    assert {name: course for name, course in courses.items() if course.n} == expected(records)
