"""What is tried again, and for how long."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from schemas.errors import KetavigilError, LogError, StoreError
from streams.store import retrying
from streams.store.failing import StoreConflict
from streams.store.retrying import retried

AWAY = StoreError("store_away", "the store went away")
MET = StoreConflict("store_conflict", "two writers met")


class Unique(Exception):
    sqlstate = "23505"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "_PAUSE", 0.0001)
    monkeypatch.setattr(retrying, "_LONGEST", 0.0001)


class Work:
    """Fails with some errors, one after another, and is done then."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)


@pytest.mark.parametrize(
    "error",
    [MET, AWAY, LogError("log_away", "no broker"), IntegrityError("INSERT", None, Unique())],
)
def test_what_passes_is_tried_again(error: Exception) -> None:
    work = Work(error, error, error)
    retried(work)
    assert work.tries == 4


@pytest.mark.parametrize(
    "error",
    [
        StoreError("lost_partition", "another took it"),
        IntegrityError("INSERT", None, Exception("NOT NULL constraint failed")),
        ValueError("a defect"),
    ],
)
def test_anything_else_is_raised_at_once(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        retried(work)
    assert work.tries == 1


def test_two_that_always_meet_are_given_up() -> None:
    work = Work(*[IntegrityError("INSERT", None, Unique())] * 20)
    with pytest.raises(StoreConflict):
        retried(work)
    assert work.tries == retrying._TRIES


def test_what_stays_away_is_given_up() -> None:
    work = Work(*[AWAY] * 1_000)
    with pytest.raises(KetavigilError) as told:
        retried(work, patience=0.01)
    assert told.value.code == "store_away"


def test_a_commit_that_was_cut_off_and_is_there_is_not_done_again() -> None:
    work = Work(AWAY)
    retried(work, done=lambda: True)
    assert work.tries == 1
    work = Work(AWAY)
    retried(work, done=lambda: False)
    assert work.tries == 2


def test_whether_it_is_there_is_asked_until_somebody_answers() -> None:
    work, asked = Work(AWAY), Work(AWAY, AWAY)

    def done() -> bool:
        asked()
        return True

    retried(work, done=done)
    assert (work.tries, asked.tries) == (1, 3)
