"""`ketavigil key` and `ketavigil user`."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from dashboards.people import check_password, link_holds
from streams.cli import main
from streams.cli.options import operator
from streams.gateway.keys import Keyring
from streams.settings import Settings
from streams.store import tables
from streams.store.store import open_store

PASSWORD = "correct horse battery"


def _main(data: Path, *arguments: str) -> int:
    return main([*arguments[:2], "--data", str(data), *arguments[2:]])


def test_a_key_is_printed_once_and_works_until_it_is_revoked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(tmp_path, "key", "create", "--name", "clinic-a") == 0
    key = capsys.readouterr().out.strip()
    store = open_store(Settings.read(data=tmp_path).store)
    found = Keyring(store).find(key)
    assert found is not None
    assert (found.name, found.role) == ("clinic-a", "registry")

    assert _main(tmp_path, "key", "list") == 0
    listed = capsys.readouterr().out
    year = f"{datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}"
    assert "clinic-a\tregistry\t" in listed
    assert listed.endswith(f"never used\tin use, expires {year}\n")
    assert key not in listed

    assert _main(tmp_path, "key", "revoke", "1") == 0
    assert Keyring(store).find(key) is None
    store.close()
    assert _main(tmp_path, "key", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["revoked_at"] >= row["created_at"]
    assert _main(tmp_path, "key", "revoke", "1") == 2
    assert capsys.readouterr().err == "ketavigil: no_such_key: there is no key 1 in use\n"


def test_a_key_is_followed_by_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(tmp_path, "key", "create", "--name", "clinic-a", "--days", "0") == 0
    assert _main(tmp_path, "key", "rotate", "1", "--overlap-days", "3", "--json") == 0
    made = json.loads(capsys.readouterr().out.splitlines()[1])
    assert made["follows"] == 1
    assert _main(tmp_path, "key", "list") == 0
    old, new = capsys.readouterr().out.splitlines()
    assert old.endswith(f"in use, expires {datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}")
    assert new.endswith(f"in use, expires {datetime.now(UTC) + timedelta(days=365):%Y-%m-%d}")
    store = open_store(Settings.read(data=tmp_path).store)
    found = Keyring(store).find(made["key"])
    store.close()
    assert found is not None
    assert found.name == "clinic-a"
    assert _main(tmp_path, "key", "rotate", "9") == 2
    assert capsys.readouterr().err == "ketavigil: no_such_key: there is no key 9 in use\n"


def test_a_key_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(tmp_path, "key", "create", "--name", "r", "--role", "officer", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found.keys() == {"name", "role", "key"}
    assert (found["name"], found["role"]) == ("r", "officer")


@pytest.mark.parametrize("arguments", [["--name", "import:x"], [], ["--name", "a", "--role", "x"]])
def test_bad_usage_of_key_ends_with_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert _main(tmp_path, "key", "create", *arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_person_with_a_password_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\nmore\n"))
    create = ("user", "create", "--name", "Ann", "--role", "officer")
    assert _main(tmp_path, *create, "--password-stdin") == 0
    store = open_store(Settings.read(data=tmp_path).store)
    assert check_password(store, "Ann", PASSWORD)
    assert _main(tmp_path, *create, "--link-only") == 2
    assert "user_exists" in capsys.readouterr().err

    assert _main(tmp_path, "user", "list") == 0
    assert capsys.readouterr().out == "Ann\tofficer\tactive\n"
    assert _main(tmp_path, "user", "disable", "--name", "Ann") == 0
    assert not check_password(store, "Ann", PASSWORD)
    store.close()
    assert _main(tmp_path, "user", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["disabled_at"] is not None


def test_a_person_by_link_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create = ("user", "create", "--name", "Ann", "--role", "admin", "--link-only")
    assert _main(tmp_path, *create) == 0
    assert _main(tmp_path, "user", "link", "--name", "Ann") == 0
    path = capsys.readouterr().out.strip()
    store = open_store(Settings.read(data=tmp_path).store)
    assert link_holds(store, path.removeprefix("/sign-in/"))
    assert not check_password(store, "Ann", "")
    store.close()


@pytest.mark.parametrize("password", ["short", ""])
def test_a_weak_password_is_refused(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    password: str,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(password))
    create = ("user", "create", "--name", "Ann", "--role", "officer", "--password-stdin")
    assert _main(tmp_path, *create) == 2
    assert "weak_password" in capsys.readouterr().err


def test_a_role_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _main(tmp_path, "user", "create", "--name", "Ann", "--link-only") == 2
    assert "--role" in capsys.readouterr().err


def test_narratives_are_granted_with_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ("user", "create", "--role", "officer", "--link-only", "--name", "Ann")
    grant = ("user", "grant", "--name", "Ann")
    assert _main(tmp_path, *create) == 0
    assert _main(tmp_path, *grant) == 2
    assert "say what" in capsys.readouterr().err
    assert _main(tmp_path, *grant, "--narratives") == 2
    assert "no_reason" in capsys.readouterr().err
    assert _main(tmp_path, *grant, "--narratives", "--why", "assesses cases") == 0
    assert _main(tmp_path, "user", "list") == 0
    assert capsys.readouterr().out == "Ann\tofficer\tactive\tnarratives\n"
    assert _main(tmp_path, *grant, "--no-narratives") == 0
    assert _main(tmp_path, "user", "list") == 0
    assert capsys.readouterr().out == "Ann\tofficer\tactive\n"


def test_a_person_is_linked_to_who_they_are_at_a_provider(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = ("user", "create", "--name", "Ann", "--role", "officer", "--link-only")
    assert _main(tmp_path, *create) == 0
    link = ("user", "subject", "--name", "Ann", "--subject", "248289761001")
    assert _main(tmp_path, *link) == 2
    assert "set KETAVIGIL_OIDC_ISSUER, or give --issuer" in capsys.readouterr().err
    monkeypatch.setenv("KETAVIGIL_OIDC_ISSUER", "https://id.example")
    assert _main(tmp_path, *link) == 0
    assert _main(tmp_path, *link, "--none") == 2
    capsys.readouterr()
    assert _main(tmp_path, "user", "list") == 0
    assert capsys.readouterr().out == "Ann\tofficer\tactive\tsubject 248289761001\n"
    unlink = ("user", "subject", "--name", "Ann", "--none")
    assert _main(tmp_path, *unlink) == 0
    assert _main(tmp_path, *unlink) == 2
    assert "not_linked" in capsys.readouterr().err
    assert _main(tmp_path, "user", "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["name"], row["subject"]) == ("Ann", None)


def test_rows_of_patients_are_granted_at_the_start_or_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ("user", "create", "--role", "regulator", "--link-only", "--name")
    assert _main(tmp_path, *create, "Rex", "--patient-level") == 0
    assert _main(tmp_path, *create, "Roy") == 0
    assert _main(tmp_path, "user", "grant", "--name", "Roy", "--patient-level") == 0
    assert _main(tmp_path, "user", "grant", "--name", "Rex", "--no-patient-level") == 0
    assert _main(tmp_path, "user", "list") == 0
    listed = capsys.readouterr().out
    assert listed == "Rex\tregulator\tactive\nRoy\tregulator\tactive\tpatient level\n"
    assert _main(tmp_path, "user", "grant", "--name", "Nobody", "--patient-level") == 2
    assert capsys.readouterr().err == "ketavigil: no_such_user: there is no user 'Nobody'\n"


def test_what_a_command_does_is_in_the_trail_under_who_ran_it(tmp_path: Path) -> None:
    assert _main(tmp_path, "key", "create", "--name", "clinic-a") == 0
    assert _main(tmp_path, "key", "revoke", "1") == 0
    create = ("user", "create", "--name", "Ann", "--role", "admin", "--link-only")
    assert _main(tmp_path, *create) == 0
    store = open_store(Settings.read(data=tmp_path).store)
    with store.read() as connection:
        rows = connection.execute(select(tables.trail).order_by(tables.trail.c.seq)).all()
    store.close()
    assert [(row.what, row.subject, row.role) for row in rows] == [
        ("key_made", "key 1", "console"),
        ("key_revoked", "key 1", "console"),
        ("user_made", "user Ann", "console"),
    ]
    assert {row.who for row in rows} == {operator().name}
