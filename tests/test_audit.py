"""The audit of dependencies: pins, licences, and known holes where their service answers."""

from __future__ import annotations

import json
from email.message import Message
from importlib.metadata import PackageMetadata
from typing import cast

import pytest

from tests import audit
from tests.audit import Installed, allowed, holes, licence, main, problems

FOUND = [Installed("ketavigil", "0.1.0", ""), Installed("numpy", "2.0", "BSD-3-Clause")]


def metadata(**fields: str | list[str]) -> PackageMetadata:
    made = Message()
    for name, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            made[name.replace("_", "-")] = value
    return cast(PackageMetadata, made)


def test_what_is_installed_is_what_is_pinned() -> None:
    assert problems({"numpy": "2.0"}, FOUND) == []
    assert problems({"numpy": "1.0"}, FOUND) == ["numpy is 2.0, pinned is 1.0"]
    assert problems({}, FOUND) == ["numpy 2.0 is installed and not pinned"]


@pytest.mark.parametrize(
    ("expression", "may"),
    [
        ("MIT", True),
        ("mit", True),
        ("GPL-3.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("LGPL-3.0-only", True),
        ("Apache-2.0 OR GPL-2.0-only", True),
        ("Apache-2.0 AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND BSD-3-Clause", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT AND", False),
        ("(MIT", True),
        ("MIT)", False),
        ("", False),
        ("Other", False),
    ],
)
def test_of_terms_one_alternative_has_to_be_allowed_in_all_its_parts(
    expression: str, may: bool
) -> None:
    assert allowed(expression) is may


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"Name": "a", "License_Expression": "MIT"}, "MIT"),
        ({"Name": "a", "Classifier": ["License :: OSI Approved :: MIT License"]}, "mit"),
        ({"Name": "a", "License": "BSD 3-Clause\nand its text"}, "bsd-3-clause"),
        (
            {
                "Name": "a",
                "Classifier": [
                    "License :: OSI Approved :: Apache Software License",
                    "License :: OSI Approved :: GNU General Public License v3 (GPLv3)",
                ],
            },
            "apache-2.0 AND GNU-General-Public-License-v3-(GPLv3)",
        ),
        ({"Name": "Atheris"}, "apache-2.0"),
        ({"Name": "a"}, ""),
    ],
)
def test_terms_are_read_from_what_a_distribution_says(
    fields: dict[str, str | list[str]], found: str
) -> None:
    assert licence(metadata(**fields)) == found


def test_terms_of_the_gpl_are_found_out() -> None:
    gpl = metadata(
        Name="a", Classifier=["License :: OSI Approved :: GNU General Public License v3 (GPLv3)"]
    )
    (wrong,) = problems({"a": "1"}, [Installed("a", "1", licence(gpl))])
    assert "terms that are not allowed" in wrong


def test_known_holes_are_named_with_the_version_that_mends_them() -> None:
    hole = {"id": "PYSEC-1", "fix_versions": ["2.1"]}
    told = {
        "dependencies": [
            {"name": "numpy", "version": "2.0", "vulns": [hole]},
            {"name": "skipped", "skip_reason": "not found"},
        ]
    }
    assert holes(json.dumps(told)) == ["numpy 2.0: PYSEC-1, fixed in 2.1"]


_SKIPPED = '{"dependencies": [{"name": "numpy", "skip_reason": "not found"}]}'


@pytest.mark.parametrize("printed", ["", "no JSON", "[]", "{}", _SKIPPED])
def test_a_service_that_does_not_answer_is_no_answer_that_all_is_well(
    printed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert holes(printed) is None
    monkeypatch.setattr(audit, "installed", lambda: FOUND)
    monkeypatch.setattr(audit, "pins", lambda text: {"numpy": "2.0"})
    assert main(lambda: printed) == 0
    assert "known holes were NOT looked up" in capsys.readouterr().out


def test_a_hole_or_a_wrong_version_fails_the_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "installed", lambda: FOUND)
    monkeypatch.setattr(audit, "pins", lambda text: {"numpy": "2.0"})
    hole = {"name": "numpy", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": []}]}
    assert main(lambda: json.dumps({"dependencies": [hole]})) == 1
    assert "PYSEC-1, fixed in no version yet" in capsys.readouterr().out
    monkeypatch.setattr(audit, "pins", lambda text: {"numpy": "2.1"})
    well = {"name": "numpy", "version": "2.0", "vulns": []}
    assert main(lambda: json.dumps({"dependencies": [well]})) == 1
    assert "numpy is 2.0, pinned is 2.1" in capsys.readouterr().out
