"""Listedness: which events the label of a product names, for the route that the label is for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas.errors import InputError
from schemas.vocabulary import files
from schemas.vocabulary.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Label:
    """A label: product and terms as coded, the routes that it is for (none: all of them)."""

    product: str
    routes: frozenset[str]
    title: str
    date: str
    source: str
    terms: frozenset[str]


class Listed:
    """The labels of a deployment.

    An event is listed where a label for the product and its route names it. A route that is not
    known is judged by no label that is for certain routes: the case is reviewed.

    >>> listed = Listed.load()
    >>> listed.lists("esketamine", "intranasal", "Sedation")
    True
    >>> listed.lists("esketamine", "", "Sedation"), listed.lists("ketamine", "", "Sedation")
    (False, False)
    """

    def __init__(self, version: str, labels: Iterable[Label]) -> None:
        self.version = version
        self.labels = tuple(labels)

    @classmethod
    def load(cls, path: Path | None = None, vocabulary: Vocabulary | None = None) -> Listed:
        """The shipped table, or a TOML file of the same form; names coded or as sent.

        Errors: `InputError` ("no_such_file", "vocabulary_invalid").
        """
        if path is None:
            table = files.decode(files.shipped("listed.toml"), files.Listed, "table of labels")
        else:
            table = files.read(path, files.Listed, "table of labels")
        names = vocabulary or Vocabulary.load()
        return cls(table.version, (_label(names, entry) for entry in table.label))

    def lists(self, product: str, route: str, event: str) -> bool:
        """Whether a label lists a coded event for a coded product by a coded route."""
        return any(
            event in label.terms
            for label in self.labels
            if label.product == product and (not label.routes or route in label.routes)
        )

    def of(self, product: str) -> tuple[Label, ...]:
        """The labels of a coded product, whatever the route."""
        return tuple(label for label in self.labels if label.product == product)

    def digest(self) -> str:
        """SHA-256 (hex) over all of it."""
        content = [
            (label.product, sorted(label.routes), label.date, label.source, sorted(label.terms))
            for label in self.labels
        ]
        return hashlib.sha256(msgspec.json.encode((self.version, sorted(content)))).hexdigest()


def _label(names: Vocabulary, entry: files.Label) -> Label:
    if unknown := sorted({*entry.routes}.difference(files.ROUTES)):
        raise InputError(
            "vocabulary_invalid",
            f"the table of labels: no route {', '.join(unknown)}; one of {', '.join(files.ROUTES)}",
        )
    return Label(
        names.product(entry.product).name,
        frozenset(entry.routes),
        entry.title,
        entry.date,
        entry.source,
        frozenset(names.event(term).name for term in entry.terms),
    )
