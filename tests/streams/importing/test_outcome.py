"""What is not accounted for is said: a record that is lost, a worker that does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import KetavigilError
from streams import importing
from streams.cli import main
from streams.importing import Import, Outcome, Place, running
from streams.importing.outcome import outcome
from streams.settings import Settings
from streams.store.store import Store, open_store
from tests.streams.importing.test_sending import line


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    opened = open_store(store_url)
    yield opened
    opened.close()


def test_a_record_that_was_appended_and_is_nowhere_is_lost(store: Store) -> None:
    with store.read() as connection:
        found = outcome(connection, [Place("reports", 0, 0, 500), Place("reports", 3, 7, 2)])
    assert (found.received, found.lost) == (502, 502)


def test_a_command_that_lost_a_record_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Outcome(3)
    found.dispositions.update({"counted": 1, "duplicate": 1})
    monkeypatch.setattr(importing, "import_files", lambda *_, **__: Import(outcome=found))
    assert main(["import", "x.csv", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "ketavigil: 1 records are lost\n"


def test_nothing_is_lost_where_every_record_has_a_disposition() -> None:
    found = Outcome(15)
    found.dispositions.update(
        counted=5, superseded=4, nullified=3, duplicate=2, quarantined=1, lost=0
    )
    assert found.lost == 0


def test_a_worker_that_does_nothing_is_waited_for_only_so_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "_STALLED", 0.1)
    said: list[tuple[str, int, int | None]] = []
    with pytest.raises(KetavigilError) as caught:
        running._wait(store, [Place("reports", 0, 0, 500)], lambda *now: said.append(now))
    assert caught.value.code == "worker_stalled"
    assert set(said) == {("waiting", 0, 500)}


def test_progress_tells_what_is_done_and_of_how_many(tmp_path: Path) -> None:
    file = tmp_path / "reports.ndjson"
    file.write_bytes(b"\n".join(line(n) for n in range(1_100)))
    said: list[tuple[str, int, int | None]] = []
    found = importing.import_files(
        Settings.read(data=tmp_path / "data"),
        [file],
        progress=lambda *now: said.append(now),
    )
    assert found.outcome.received == 1_100
    assert [now for now in said if now[0] == "reading"] == [
        ("reading", 500, None),
        ("reading", 1_000, None),
        ("reading", 1_100, None),
    ]
    waits = [now[1] for now in said if now[0] == "waiting"]
    assert waits == sorted(waits)
    assert said[-1] == ("waiting", 1_100, 1_100)
