"""Real public records, imported: every one accounted for, and scored as `detect` scores them."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from streams.importing import DISPOSITIONS
from streams.master_key import load_sealer
from streams.store import tables
from streams.store.store import open_store
from streams.store.tables import STATISTICS
from tests.cluster import Cluster
from tests.deployment import Deployment, report
from tests.kafka_server import DROPPED
from tests.market import pairs
from tests.support import shared


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{data}/store.db?mode=ro", uri=True) as connection:
        return connection.execute(query).fetchall()


def scores(data: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The table of scores, read past the program."""
    with sqlite3.connect(f"file:{data}/store.db?mode=ro", uri=True) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM scores WHERE dataset = 'spontaneous'")
        return {(row["product"], row["event"]): dict(row) for row in found}


def imported(deployment: Deployment, path: Path, *options: str) -> dict[str, Any]:
    done = deployment.run("import", str(path), "--json", *options)
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


@pytest.fixture(scope="module")
def faers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deployment, dict[str, Any]]:
    path = shared("data/faers_2025q3/reports.csv")
    deployment = Deployment(tmp_path_factory.mktemp("faers"))
    return deployment, imported(deployment, path)


def test_every_faers_report_is_accounted_for(faers: tuple[Deployment, dict[str, Any]]) -> None:
    deployment, summary = faers
    assert summary["received"] == 10_000
    assert rows(deployment.data, "SELECT count(*) FROM records") == [(10_000,)]
    found = deployment.verify()
    assert [check["name"] for check in found["checks"] if not check["holds"]] == []
    law = found["checks"][0]["figures"]
    assert law["received"] == 10_000 == sum(n for name, n in law.items() if name != "received")


def test_esketamine_with_dissociation_is_8_of_32(
    faers: tuple[Deployment, dict[str, Any]],
) -> None:
    """SPRAVATO (31) and ESKETAMINE (1) are one product."""
    pair = scores(faers[0].data)["esketamine", "Dissociation"]
    assert (pair["n"], pair["n_product"], pair["n_total"]) == (8, 32, 10_000)


def detected(deployment: Deployment, path: Path, out: Path) -> dict[tuple[str, str], Any]:
    """What `detect` says of a file, groups included."""
    deployment.run("detect", "--input", str(path), "--output", str(out), "--groups")
    with out.open(newline="") as file:
        return {(row["product"], row["event"]): row for row in csv.DictReader(file)}


def differing(stored: dict[str, Any], row: dict[str, str]) -> list[str]:
    """The columns of both that are not equal to the bit."""
    names = (stored.keys() & row.keys()) - {"product", "event"}
    assert set(STATISTICS) <= names
    return [name for name in names if (float(row[name]) if row[name] else None) != stored[name]]


def test_every_score_in_the_store_is_that_of_detect_to_the_bit(
    faers: tuple[Deployment, dict[str, Any]], tmp_path: Path
) -> None:
    """No prior can be fitted to this file: EBGM is empty in both, and both say so."""
    deployment, _ = faers
    found = detected(deployment, shared("data/faers_2025q3/reports.csv"), tmp_path / "scores.csv")
    stored = scores(deployment.data)
    assert stored.keys() == found.keys()
    assert len(stored) > 20_000
    assert [pair for pair, row in stored.items() if differing(row, found[pair])] == []
    ((fits,),) = rows(
        deployment.data, "SELECT fits FROM checkpoints ORDER BY position DESC LIMIT 1"
    )
    assert json.loads(fits)["spontaneous"]["code"] == "ebgm_fit_failed"
    assert {row["fit"] for row in stored.values()} == {None}


def test_so_is_ebgm_by_the_prior_of_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "reports.csv"
    events = ["Cystitis", "Dysuria", "Pollakiuria", *(f"Event {i}" for i in range(3, 30))]
    lines = ["report_id,received_at,products,events"]
    for number, (product, event) in enumerate(pairs(1_500)):
        name = "Ketalar" if product == 7 else f"Product {product}"
        lines.append(f"{number},2025-06-{1 + number % 30:02},{name},{events[event]}")
    path.write_text("\n".join(lines))
    deployment = Deployment(tmp_path / "data")
    imported(deployment, path)
    found = detected(deployment, path, tmp_path / "scores.csv")
    stored = scores(deployment.data)
    assert stored.keys() == found.keys()
    assert ("ketamine", "group:urinary") in stored
    assert [pair for pair, row in stored.items() if differing(row, found[pair])] == []
    ((position,),) = rows(deployment.data, "SELECT max(position) FROM checkpoints")
    assert {row["fit"] for row in stored.values()} == {position}
    assert all(row["eb05"] is not None for row in stored.values())
    assert [check["name"] for check in deployment.verify()["checks"] if not check["holds"]] == []


# of other events those that were much reported with any vaccine
ROTASHIELD_FAMILY = """
name = "rotashield"
opened = "1998-01-01"
alpha = 0.05
margin = 1.25
events = [
    "Intussusception", "Vomiting", "Diarrhoea", "Haematochezia", "Pyrexia", "Rash", "Urticaria",
    "Convulsion", "Injection site reaction", "Screaming",
]
"""


def test_rotashield_is_raised_on_the_day_of_the_third_report(tmp_path: Path) -> None:
    path = shared("data/vaers_1998_1999/reports.csv.gz")
    watchlist = tmp_path / "watchlist.toml"
    watchlist.write_text('products = ["ROTAVIRUS (ROTASHIELD)"]\n')
    family = tmp_path / "family.toml"
    family.write_text(ROTASHIELD_FAMILY)
    deployment = Deployment(
        tmp_path / "data", KETAVIGIL_WATCHLIST=str(watchlist), KETAVIGIL_FAMILY=str(family)
    )
    summary = imported(deployment, path)
    assert summary["received"] == 22_227
    held = rows(
        deployment.data,
        "SELECT r.rule, r.data_date, r.data_n FROM signal_rules r JOIN signals s "
        "ON s.id = r.signal_id WHERE s.product LIKE '%ROTASHIELD%' "
        "AND s.event = 'Intussusception' AND s.kind = 'screening'",
    )
    dates = {rule: (day, n) for rule, day, n in held}
    # where a prior had a fit, EB05 may have held: at a checkpoint, on no day
    assert dates.pop("eb05", (None, None)) == (None, None)
    assert dates["evans_prr"] == dates["ic025"] == ("1999-02-12", 3)
    said = deployment.run(
        "backtest",
        "--input",
        str(path),
        "--product",
        "ROTAVIRUS (ROTASHIELD)",
        "--event",
        "Intussusception",
    ).stdout
    backtest = {r["rule"]: (r["date"], r["n"]) for r in json.loads(said)["rules"]}
    assert {rule: backtest[rule] for rule in dates} == dates
    assert all(day < "1999-07-16" for day, _ in dates.values())
    confirmed = rows(
        deployment.data,
        "SELECT s.event, c.day, c.n, c.log_e, c.asked FROM confirmations c JOIN signals s "
        "ON s.id = c.signal_id WHERE s.kind = 'confirmed' ORDER BY c.day",
    )
    for event, day, n, log_e, asked in confirmed:
        sys.stdout.write(f"{event} confirmed {day}, n {n}: log e {log_e:.2f}, asked {asked:.2f}\n")
    found = {event: (day, n) for event, day, n, _, _ in confirmed}
    # suspension of the vaccine was asked for on 1999-07-16
    assert "1999-02-12" < found["Intussusception"][0] < "1999-07-16"
    verified = deployment.verify()["checks"]
    assert [check["name"] for check in verified if not check["holds"]] == []
    assert verified[0]["figures"]["received"] == 22_227
    looks = next(check for check in verified if check["name"].startswith("looks"))
    assert looks["figures"]["closed"] > 300


@pytest.mark.kafka
@DROPPED
def test_an_import_through_kafka_scores_as_one_through_sqlite(
    tmp_path: Path, kafka_broker: str
) -> None:
    file = tmp_path / "reports.ndjson"
    with file.open("w") as lines:
        for i in range(3_000):
            product = "Spravato" if i % 50 == 0 else f"Product {i % 17}"
            term = "Dissociation" if i % 75 == 0 else f"Term {i % 29}"
            one = report(
                "archive",
                f"K-{i // 2 if i % 10 == 0 else i}",
                version=i,
                products=[{"name": product, "role": "suspect"}],
                reactions=[{"term": term}],
            )
            lines.write(json.dumps(one) + "\n")
    kafka = Deployment(
        tmp_path / "kafka",
        KETAVIGIL_BROKER=f"kafka://{kafka_broker}",
        KETAVIGIL_STORE=f"sqlite:///{tmp_path}/kafka/store.db",
    )
    embedded = Deployment(tmp_path / "embedded")
    for deployment in (kafka, embedded):
        summary = imported(deployment, file)
        assert summary["received"] == 3_000
        assert deployment.verify()["checks"][0]["holds"]

    def comparable(deployment: Deployment) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            pair: {k: v for k, v in row.items() if k != "position"}
            for pair, row in scores(deployment.data).items()
        }

    assert comparable(kafka) == comparable(embedded)
    assert len(comparable(kafka)) > 300


# what a table says but for the numbers that rows were given, and where in the log it was said; a
# rule that held between two batches alone, and on no day, depends on where the batches ended
EVERYWHERE = {
    "scores": "SELECT {columns} FROM scores ORDER BY dataset, product, event",
    "rates": "SELECT {columns} FROM rates ORDER BY product, event",
    "strata": "SELECT {columns} FROM strata ORDER BY product, axis, stratum, event",
    "signals": "SELECT kind, dataset, product, event, rule, holds, data_date, data_n FROM signals"
    " JOIN signal_rules ON signal_id = signals.id WHERE holds OR data_date IS NOT NULL"
    " ORDER BY 1, 2, 3, 4, 5",
    "findings": "SELECT courses.key, stream, code, anchor, event, day, level, unit, records,"
    " explanation FROM findings JOIN courses ON courses.id = course_id ORDER BY 1, 2, 3, 4",
    "courses": "SELECT key, state FROM courses ORDER BY key",
    "counted": "SELECT key, revision, content_hash, body FROM cases JOIN versions"
    " ON versions.id = newest ORDER BY key",
    "duplicates": "SELECT cases.key, count(*) FROM duplicates JOIN versions"
    " ON versions.id = version_id JOIN cases ON cases.id = case_id GROUP BY 1 ORDER BY 1",
    "quarantine": "SELECT code, rule, report_id, count(*) FROM quarantine GROUP BY 1, 2, 3"
    " ORDER BY 1, 2, 3",
}


ENCLOSED = ("state", "body")


def said(url: str, data: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the store of a deployment says about its records."""
    store, sealer = open_store(url, create=False), load_sealer(data)
    found = {}
    with store.read() as connection:
        for name, query in EVERYWHERE.items():
            table = tables.metadata.tables.get(name)
            columns = (
                ""
                if table is None
                else ", ".join(
                    column.name for column in table.c if column.name not in ("position", "fit")
                )
            )
            rows = connection.exec_driver_sql(query.format(columns=columns))
            names = list(rows.keys())
            found[name] = sorted(
                (
                    tuple(
                        sealer.disclose(bytes(v))
                        if n in ENCLOSED
                        # booleans are numbers to SQLite; the order of texts is each engine's own
                        else int(v)
                        if isinstance(v, bool)
                        else v
                        for n, v in zip(names, row, strict=True)
                    )
                    for row in rows
                ),
                key=repr,
            )
    store.close()
    return found


@pytest.mark.kafka
@pytest.mark.postgresql
@DROPPED
@pytest.mark.parametrize("workers", [1, 2])
def test_an_import_through_kafka_and_postgresql_says_what_the_embedded_one_says(
    tmp_path: Path, kafka: str, postgresql: str, workers: int
) -> None:
    """Reports and follow-up records, with late versions, repeats and records that are held."""
    file = tmp_path / "cohort.ndjson"
    embedded = Deployment(tmp_path / "embedded")
    embedded.run("simulate", "--out", str(file), "--courses", "30", "--days", "200")
    with file.open("a") as lines:
        for i in range(1_500):
            product = "Spravato" if i % 50 == 0 else f"Product {i % 17}"
            one = report(
                "archive",
                f"K-{i // 2 if i % 10 == 0 else i}",
                version=i,
                products=[{"name": product, "role": "suspect"}],
                reactions=[{"term": "Dissociation" if i % 75 == 0 else f"Term {i % 29}"}],
                patient={"age_years": 900 if i % 97 == 0 else 44},
            )
            lines.write(json.dumps(one) + "\n")
    expected = imported(embedded, file)
    with Cluster(tmp_path / "cluster", kafka, postgresql) as cluster:
        cluster.up(workers)
        summary = imported(cluster, file)
        assert [summary[name] for name in DISPOSITIONS] == [expected[name] for name in DISPOSITIONS]
        assert cluster.differing() == []
    one = said(f"sqlite:///{tmp_path}/embedded/store.db", embedded.data)
    other = said(postgresql, cluster.data)
    assert {name: len(rows) for name, rows in one.items()} == {
        name: len(rows) for name, rows in other.items()
    }
    assert [name for name in one if one[name] != other[name]] == []
    assert len(one["scores"]) > 300
    assert min(len(rows) for rows in one.values()) > 0
