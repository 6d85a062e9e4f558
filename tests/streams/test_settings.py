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


INTERVALS = [("CANARY_SECONDS", 120), ("SELF_TEST_SECONDS", 600)]


@pytest.mark.parametrize(("what", "usual"), INTERVALS)
def test_a_canary_and_a_self_test_come_as_often_as_they_are_told(
    what: str, usual: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, field = ENVIRONMENT + what, what.lower()
    monkeypatch.delenv(name, raising=False)
    assert getattr(Settings.read(data=tmp_path), field) == usual
    for given, seconds in (("0", 0.0), ("0.5", 0.5)):
        monkeypatch.setenv(name, given)
        settings = Settings.read(data=tmp_path)
        assert getattr(settings, field) == seconds
        assert settings.environment()[name] == given


@pytest.mark.parametrize("what", [name for name, _ in INTERVALS])
@pytest.mark.parametrize("given", ["often", "-1", "inf", "nan"])
def test_what_comes_at_no_number_of_seconds_is_refused(
    given: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT + what, given)
    with pytest.raises(InputError, match=f"KETAVIGIL_{what} is a number") as caught:
        Settings.read(data=tmp_path)
    assert caught.value.code == what.lower()
