"""Which differences of a given report come of erasure: records that were there when it was made.

What is counted of erased records stays, so every 2x2 table, score, rule and rate has to agree as
before, and every line of a case or course that was not erased. Features, tabulations, strata by age
and sex and times to onset rest on what records said: of these a count may be off by as many as were
erased since, and a statistic can say anything that no record is left to contradict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from dashboards.reports.difference import ABSENT, Difference

COUNT = ("quality.erased", "erased")  # where a signal report, or a periodic one, says how many
# counts of cases, each of which moves by one for a case at the most
_COUNTS = re.compile(
    r"features\.(professional|positive_dechallenge|positive_rechallenge|with_time_to_onset|"
    r"single_suspect)$|quality\.stated\[\d+\]\.n$|tabulations\[|onset\.(n|left_out)$|"
    r"reactions\[\d+\]\.(children|old)(_new)?$"
)
_STATISTICS = re.compile(
    r"onset\.|parts\[|relative\[|methods\.(newest|oldest)_receipt$|limitations\["
)
_LISTED = re.compile(r"(cases|tabulations\[\d+\]\.rows)\[(\d+)\]\.(\w+)(?:\[\d+\])?$")
_NAMED = {"cases": ("sender", "report_id"), "rows": ("value",)}


def told_apart(
    given: Mapping[str, str], stored: Mapping[str, str], *, hash_holds: bool
) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """The differences that are wrong, and those that come of erasure.

    `hash_holds`: whether the file's own hash is that of its content.

    >>> made = {"quality.erased": "0", "features.serious": "2", "features.professional": "3"}
    >>> now = {"quality.erased": "1", "features.serious": "3", "features.professional": "2"}
    >>> wrong, gone = told_apart(made, now, hash_holds=True)
    >>> [one.path for one in wrong], [one.path for one in gone]
    (['features.serious'], ['quality.erased', 'features.professional'])
    """
    since = max(_whole(stored.get(name)) - _whole(given.get(name)) for name in COUNT)
    gone_courses = {
        path.rpartition(".")[0]
        for path, value in stored.items()
        if path.startswith("cohort.listing.lines[")
        and path.endswith(".erased")
        and (given.get(path), value) == ("false", "true")
    }
    if since <= 0 and not gone_courses:
        return differences(given, stored), ()
    # lines are told by whose they are: what was erased stands elsewhere in the order
    before, now = _by_name(given), _by_name(stored)
    wrong: list[Difference] = []
    gone: list[Difference] = []
    for one in differences(before, now):
        if one.path == "sha256":
            explained = hash_holds
        elif one.path.startswith("cohort."):
            explained = one.path.rpartition(".")[0] in gone_courses
        else:
            explained = since > 0 and _explained(one, since, now)
        (gone if explained else wrong).append(one)
    return tuple(wrong), tuple(gone)


def differences(given: Mapping[str, str], stored: Mapping[str, str]) -> tuple[Difference, ...]:
    """What is not the same in both, or stands in one alone.

    >>> differences({"n": "3", "m": "1"}, {"n": "4", "m": "1"})
    (Difference(path='n', given='3', stored='4'),)
    """
    return tuple(
        Difference(key, given.get(key, ABSENT), stored.get(key, ABSENT))
        for key in dict.fromkeys((*stored, *given))
        if given.get(key) != stored.get(key)
    )


def _explained(one: Difference, since: int, now: Mapping[str, str]) -> bool:
    if one.path in COUNT:
        return True
    if one.path.startswith("cases["):
        return now.get(f"{one.path.partition(']')[0]}].erased") == "true"
    if one.path.endswith(".value"):
        return ABSENT in (one.given, one.stored)
    if _COUNTS.match(one.path):
        return abs(_whole(one.given) - _whole(one.stored)) <= since
    return bool(_STATISTICS.match(one.path))


def _by_name(values: Mapping[str, str]) -> dict[str, str]:
    """The same values with the place of a line replaced by what names it."""
    names: dict[tuple[str, str], list[str]] = {}
    for path, value in values.items():
        if (found := _LISTED.match(path)) and found[3] in _NAMED[found[1].rpartition(".")[2]]:
            names.setdefault((found[1], found[2]), []).append(value)
    out = {}
    for path, value in values.items():
        if found := _LISTED.match(path):
            name = "/".join(names.get((found[1], found[2]), ()))
            rest = path[found.end(2) + 1 :]
            out[f"{found[1]}[{name}]{rest}"] = value
        else:
            out[path] = value
    return out


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
