"""Settings: what is given, then the environment, then what is shipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.settings import ENVIRONMENT, FILES, Settings


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_taken_from_the_environment_and_handed_on_by_it(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.toml"
    path.write_text("")
    monkeypatch.setenv(ENVIRONMENT + name.upper(), str(path))
    settings = Settings.read(data=tmp_path)
    assert getattr(settings, name) == path
    assert settings.environment()[ENVIRONMENT + name.upper()] == str(path)
    other = tmp_path / "other.toml"
    other.write_text("")
    assert getattr(Settings.read(tmp_path, None, None, **{name: other}), name) == other


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_is_refused_by_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"there is no {name} file") as caught:
        Settings.read(tmp_path, None, None, **{name: tmp_path / "nowhere"})
    assert caught.value.code == "no_such_file"


def test_a_canary_goes_every_two_minutes_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = ENVIRONMENT + "CANARY_SECONDS"
    monkeypatch.delenv(name, raising=False)
    assert Settings.read(data=tmp_path).canary_seconds == 120
    for given, seconds in (("0", 0.0), ("0.5", 0.5)):
        monkeypatch.setenv(name, given)
        settings = Settings.read(data=tmp_path)
        assert settings.canary_seconds == seconds
        assert settings.environment()[name] == given


@pytest.mark.parametrize("given", ["often", "-1", "inf", "nan"])
def test_a_canary_that_goes_at_no_number_of_seconds_is_refused(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT + "CANARY_SECONDS", given)
    with pytest.raises(InputError, match="KETAVIGIL_CANARY_SECONDS is a number") as caught:
        Settings.read(data=tmp_path)
    assert caught.value.code == "canary_seconds"
