"""The whole store recomputed from the records as they came: the same, or what differs is named."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deployment import Deployment, report


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Pushed and imported, reports and courses, with all that can become of a record."""
    folder = tmp_path_factory.mktemp("rebuild")
    with Deployment(folder / "data") as running:
        file = folder / "cohort.ndjson"
        running.run("simulate", "--out", str(file), "--courses", "8", "--days", "120")
        table = folder / "reports.csv"
        lines = ["report_id,received_at,products,events"]
        lines += [f"{n},2025-06-{1 + n % 28:02},Ketalar,Nausea|Event {n % 9}" for n in range(60)]
        table.write_text("\n".join([*lines, lines[1], "61,not a day,Ketalar,Nausea"]))
        running.run("import", str(file))
        running.run("import", str(table))
        running.up()
        key = running.key("clinic")
        for batch in (
            [report("clinic", f"P-{n}", reactions=[{"term": f"Term {n % 5}"}]) for n in range(40)],
            [
                report("clinic", "P-1", version=2),
                report("clinic", "P-2", version=2, status="nullified"),
            ],
            [report("clinic", "P-3"), report("clinic", "P-4", patient={"age_years": 900})],
            [report("clinic", "P-5", reactions=[]), report("other", "P-6")],
        ):
            assert running.push(key, batch).status_code in (202, 422)
        assert running.push(key, b"no json").status_code == 422
        yield running


def rebuilt(deployment: Deployment, status: int = 0) -> dict[str, dict[str, Any]]:
    said = json.loads(deployment.run("rebuild", "--json", status=status).stdout)
    return {check["name"]: check for check in said["checks"]}


def test_what_is_recomputed_is_what_the_store_says(deployment: Deployment) -> None:
    found = rebuilt(deployment)
    assert [name for name, check in found.items() if not check["holds"]] == []
    assert min(check["figures"]["rows"] for check in found.values()) > 0
    with sqlite3.connect(f"file:{deployment.data}/store.db?mode=ro", uri=True) as connection:
        ((records,),) = connection.execute("SELECT count(*) FROM records").fetchall()
        ((held,),) = connection.execute("SELECT count(*) FROM quarantine").fetchall()
        ((twice,),) = connection.execute("SELECT count(*) FROM duplicates").fetchall()
    assert found["what became of each record"]["figures"]["rows"] == records > 150
    assert held >= 5
    assert twice >= 1


def test_what_was_changed_behind_its_back_is_named(deployment: Deployment) -> None:
    deployment.stop()
    with sqlite3.connect(deployment.data / "store.db") as connection:
        connection.execute(
            "UPDATE versions SET coded = (SELECT coded FROM versions v JOIN cases c"
            " ON v.id = c.newest WHERE c.report_id = 'P-11') WHERE id ="
            " (SELECT newest FROM cases WHERE report_id = 'P-12')"
        )
        connection.execute(
            "UPDATE courses SET state = (SELECT min(state) FROM courses) WHERE state ="
            " (SELECT max(state) FROM courses)"
        )
    found = rebuilt(deployment, status=1)
    wrong = {name: check["differences"] for name, check in found.items() if not check["holds"]}
    assert wrong["cases and the versions that count"] == 1
    assert wrong["courses"] >= 1
    assert "P-12" in found["cases and the versions that count"]["figures"]["differing"][0]
