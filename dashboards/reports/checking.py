"""Whether a given report is the one that the store gives: every number recomputed, and compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Connection

from dashboards.reports import content, flat
from dashboards.reports.difference import Difference
from dashboards.reports.erased import told_apart
from dashboards.reports.formats import rendered
from dashboards.reports.model import Report
from dashboards.reports.moment import resolve
from dashboards.reports.periodic import periodic
from dashboards.reports.periodic_model import Periodic
from dashboards.reports.setting import Setting
from dashboards.reports.signal_report import UNLISTED, signal_report
from schemas.errors import InputError

_SIGNAL = re.compile(
    rf"signal-(\d{{1,12}})-at-(\d{{1,18}}(?:\.\d{{1,18}})?)({UNLISTED})?", re.ASCII
)
_PERIOD = re.compile(r"period-(\d{4}-\d\d-\d\d)-to-(\d{4}-\d\d-\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checked:
    """Which report it was, how many values were recomputed, and which differ.

    `erased` are those of another kind: patients had records erased since the report was made, and
    what rests on more of these than what they count as can no longer be recomputed. `gone`: how
    many cases are erased by now; HTML and PDF cannot say which of their numbers rest on them.
    """

    id: str
    values: int
    differences: tuple[Difference, ...]
    erased: tuple[Difference, ...] = ()
    gone: int = 0


def check(
    connection: Connection, form: str, data: bytes, setting: Setting, *, today: date
) -> Checked:
    """Compare a file (`form`: json, csv, html or pdf) with the report made again.

    JSON and CSV by value, HTML by line, PDF as a whole: its numbers are named by its JSON. Which
    report it is the file says twice; where it says two things, its hash decides.

    Errors: `InputError` ("bad_report", and those of making a report).
    """
    given = values(form, data)
    ids = _named(form, given, data)
    if not ids:
        raise InputError("bad_report", "the file does not say which report it is")
    made: list[Report | Periodic] = []
    error: InputError | None = None
    for name in ids:
        try:
            made.append(again(connection, name, setting, today=today))
        except InputError as found:
            error = error or found
    if not made:
        raise error or InputError("bad_report", "the file does not say which report it is")
    sealed = given.get("sha256", "").strip('"')
    own = next((one for one in made if one.sha256 == sealed), made[0])
    stored = values(form, rendered(own, form))
    # of CSV the hash cannot be made again: it does not say what is a text
    holds = form != "json" or content.digest(content.read(data)) == sealed
    wrong, gone = told_apart(given, stored, hash_holds=holds)
    erased = own.erased if isinstance(own, Periodic) else own.quality.erased
    return Checked(own.id, len(stored), wrong, gone, erased)


def again(connection: Connection, name: str, setting: Setting, *, today: date) -> Report | Periodic:
    """The report of an id, made now; `InputError` where it cannot be."""
    if (found := _SIGNAL.fullmatch(name)) is not None:
        as_of = resolve(connection, found[2], today=today)
        return signal_report(connection, int(found[1]), as_of, setting, listing=not found[3])
    if (found := _PERIOD.fullmatch(name)) is not None:
        try:
            first, last = (date.fromisoformat(day) for day in found.groups())
        except ValueError:
            raise InputError("bad_report", f"{name} is no report: its days are none") from None
        return periodic(connection, first, last, setting, today=today)
    raise InputError("bad_report", f"{name!r} is not the id of a report")


def values(form: str, data: bytes) -> dict[str, str]:
    """What is compared, by the path (or the line) at which it stands."""
    if form == "json":
        return {path: _text(value) for path, value in content.leaves(content.read(data))}
    if form == "csv":
        return flat.read(data)
    if form == "html":
        lines = data.decode("utf-8", "replace").splitlines()
        return {f"line {i}": line for i, line in enumerate(lines, 1)}
    return {"the whole file": f"{len(data)} bytes, {content.hash_of(data)}"}


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _named(form: str, given: Mapping[str, str], data: bytes) -> list[str]:
    """The ids that a file may be of, in the order in which they are believed."""
    if form in ("json", "csv"):
        bare = {path: value.strip('"') for path, value in given.items()}
        number, position, trail = (
            bare.get(name) for name in ("subject.number", "origin.position", "origin.trail")
        )
        listed = any(path.startswith("cases[") for path in given)
        stated = [f"signal-{number}-at-{position}.{trail}{'' if listed else UNLISTED}"]
        stated.append(bare.get("id", ""))
        stated.append(f"period-{bare.get('first_day')}-to-{bare.get('last_day')}")
        return _ids(stated)
    # the first: what stands further down may be the text of a record
    text = data.decode("utf-8", "replace")
    found = re.search(f"{_SIGNAL.pattern}|{_PERIOD.pattern}", text, re.ASCII)
    return [found[0]] if found else []


def _ids(names: Iterable[str]) -> list[str]:
    known = (name for name in names if _SIGNAL.fullmatch(name) or _PERIOD.fullmatch(name))
    return list(dict.fromkeys(known))
