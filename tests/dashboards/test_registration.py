"""The settings of an OpenID provider: all of them, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboards.registration import PREFIX, Registration, read_registration
from dashboards.web import create_web
from schemas.errors import InputError
from streams.cli import main
from streams.cli.up import environment_of
from streams.settings import Settings


@pytest.fixture
def right(tmp_path: Path) -> dict[str, str]:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    return {
        "ISSUER": "https://id.example/realm",
        "CLIENT_ID": "board",
        "CLIENT_SECRET_FILE": str(secret),
    }


def read(**given: str) -> Registration | None:
    return read_registration({PREFIX + name: value for name, value in given.items()})


def test_all_of_them_name_a_provider_and_the_secret_is_not_shown(right: dict[str, str]) -> None:
    found = read(**right, LABEL="Clinic ID")
    assert found == Registration("https://id.example/realm", "board", "s3cret", "Clinic ID")
    assert "s3cret" not in repr(found)


def test_without_any_there_is_none() -> None:
    assert read() is None


@pytest.mark.parametrize("name", ["ISSUER", "CLIENT_ID", "CLIENT_SECRET_FILE"])
def test_half_of_them_is_an_error_that_names_the_rest(right: dict[str, str], name: str) -> None:
    del right[name]
    with pytest.raises(InputError, match=PREFIX + name) as error:
        read(**right)
    assert error.value.code == "oidc_incomplete"


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ISSUER", "http://id.example", "oidc_issuer_url"),
        ("ISSUER", "id.example", "oidc_issuer_url"),
        ("ISSUER", "https://id.example/?a=b", "oidc_issuer_url"),
        ("ISSUER", "https://somebody@id.example", "oidc_issuer_url"),
        ("ISSUER", "https://id.example:port", "oidc_issuer_url"),
        ("CLIENT_SECRET_FILE", "/no/such/file", "oidc_secret"),
        ("LABEL", "x" * 61, "oidc_label"),
    ],
)
def test_what_cannot_be_used_is_an_error(
    right: dict[str, str], name: str, value: str, code: str
) -> None:
    with pytest.raises(InputError) as error:
        read(**right | {name: value})
    assert error.value.code == code


def test_an_empty_secret_is_none(right: dict[str, str]) -> None:
    Path(right["CLIENT_SECRET_FILE"]).write_text(" \n")
    with pytest.raises(InputError) as error:
        read(**right)
    assert error.value.code == "oidc_secret"


def test_the_web_process_does_not_start_with_half_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}CLIENT_ID", "board")
    with pytest.raises(InputError) as error:
        create_web(Settings.read(data=tmp_path))
    assert error.value.code == "oidc_incomplete"


def test_up_hands_them_on_and_says_at_once_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(f"{PREFIX}CLIENT_ID", "board")
    monkeypatch.setenv("KETAVIGIL_MASTER_KEY", "a key")
    handed = environment_of(Settings.read(data=tmp_path))
    assert handed[f"{PREFIX}CLIENT_ID"] == "board"
    assert handed["KETAVIGIL_MASTER_KEY"] == "a key"
    assert main(["up", "--data", str(tmp_path)]) == 2
    assert "oidc_incomplete" in capsys.readouterr().err
