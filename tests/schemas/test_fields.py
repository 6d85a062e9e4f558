"""The page of fields says what the models say."""

from __future__ import annotations

from pathlib import Path

from schemas.fields import page

ROOT = Path(__file__).parents[2]


def test_the_page_in_the_docs_is_up_to_date() -> None:
    assert (ROOT / "docs" / "fields.md").read_text(encoding="utf-8") == page(), "run ./dev docs"


def test_every_field_says_its_type_bounds_and_whether_it_is_required() -> None:
    lines = page().splitlines()
    assert "| `sender` | identifier | yes | who sends it; must be the name of the key |" in lines
    assert "| `dose_mg` | number ≥ 0 |  | one dose, mg (G.k.4.r.1) |" in lines
    assert "| `received_at` | moment | yes | most recent information (C.1.5) |" in lines
    assert "| `phase` | `induction`, `maintenance` |  |  |" in lines


def test_every_kind_of_follow_up_record_has_a_section() -> None:
    kinds = [line for line in page().splitlines() if line.startswith("### kind = ")]
    assert len(kinds) == 14
    assert "### kind = vital_signs" in kinds
