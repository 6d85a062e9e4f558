"""A file of whatever kind: which it is, its reports, and the names in it."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from detectors.casebook import Casebook
from schemas.errors import InputError
from streams.scoring import cases, counts, tables
from streams.scoring.cases import Reading
from streams.scoring.scored import Warn

Shape = Literal["counts", "reports", "other"]


def shape(path: Path) -> Shape:
    """Counts or reports where a table has their columns; else some other format of reports."""
    if not path.is_file():
        raise InputError("no_such_file", f"there is no file {path}")
    name = path.name.lower().removesuffix(".gz")
    if not (name.endswith(".csv") or tables.is_parquet(path)):
        return "other"
    columns = tables.columns_of(path)
    if counts.is_counts(columns):
        return "counts"
    return "reports" if cases.is_reports(columns) else "other"


def read(path: Path, form: str, reading: Reading, *, dated: bool = False) -> None:
    """Take every report of a file; `dated` asks for their dates.

    InputError `not_reports` where it holds counts, and those of the readers.
    """
    found = shape(path)
    if found == "reports" and form == "auto":
        cases.read_table(path, reading, dated=dated)
        return
    if found == "counts":
        raise InputError("not_reports", f"{path} holds counts, not reports")
    cases.read_format(path, form, reading)


def say(reading: Reading, book: Casebook, dataset: str, warn: Warn) -> None:
    """Warn of what of a file is not counted."""
    if reading.held_back:
        warn("held_back", f"{reading.held_back} records are not counted; import says why of each")
    for other in book.datasets:
        if other != dataset and book.n_total(other):
            warn(
                "other_dataset",
                f"{book.n_total(other)} {other} cases are not counted; --dataset {other} does",
            )


def pair(
    reading: Reading, book: Casebook, dataset: str, product: str, event: str
) -> tuple[str, str]:
    """The names under which a pair is counted; InputError `unknown_product`, `unknown_event`."""
    table = book.table(dataset)
    return (
        _known("product", product, reading.vocabulary.product(product).name, set(table.product)),
        _known(
            "event",
            event,
            event if event.startswith("group:") else reading.vocabulary.event(event).name,
            set(table.event),
        ),
    )


def products(reading: Reading, book: Casebook, names: Sequence[str]) -> frozenset[str]:
    """The products of a casebook that names stand for: a product, or `class:NAME`.

    InputError `unknown_product` for a name of which no report has any.
    """
    known = set(book.products)
    of_class = {f"class:{reading.vocabulary.substance_class(name)}": name for name in sorted(known)}
    found: set[str] = set()
    for name in names:
        if name in of_class:
            found |= {p for p in known if f"class:{reading.vocabulary.substance_class(p)}" == name}
        else:
            coded = name if name.startswith("class:") else reading.vocabulary.product(name).name
            found.add(_known("product", name, coded, known | set(of_class)))
    return frozenset(found)


def text(path: Path) -> str:
    """The text of a file; InputError `no_such_file`, `wrong_encoding`."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("no_such_file", f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError("wrong_encoding", f"{path} is not UTF-8") from error


def _known(kind: str, said: str, name: str, names: set[str]) -> str:
    if name in names:
        return name
    folded = {other.casefold(): other for other in sorted(names)}
    near = get_close_matches(said.casefold(), folded, n=3, cutoff=0.5)
    nearest = "; nearest: " + ", ".join(folded[match] for match in near) if near else ""
    raise InputError(f"unknown_{kind}", f"no report names the {kind} {said!r}{nearest}")
