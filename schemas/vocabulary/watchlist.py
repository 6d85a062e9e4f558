"""What a deployment watches: the products it exists for, the events reviewed from one case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from schemas.vocabulary import files
from schemas.vocabulary.vocabulary import Vocabulary


class Watchlist:
    """The products watched, as coded.

    >>> watchlist = Watchlist.load()
    >>> watchlist.watches("esketamine"), watchlist.watches("propofol")
    (True, False)
    >>> watchlist.watches("ketamine @sublingual")  # a stratum of a watched product
    True
    """

    def __init__(self, products: Iterable[str]) -> None:
        self.products = frozenset(products)

    @classmethod
    def load(cls, path: Path | None = None, vocabulary: Vocabulary | None = None) -> Watchlist:
        """The shipped list, or a TOML file with `products = [...]`, coded or as sent.

        Errors: `InputError` ("no_such_file", "vocabulary_invalid").
        """
        if path is None:
            listed = files.decode(files.shipped("watchlist.toml"), files.Products, "watchlist")
        else:
            listed = files.read(path, files.Products, "watchlist")
        vocabulary = vocabulary or Vocabulary.load()
        return cls(vocabulary.product(name).name for name in listed.products)

    def watches(self, product: str) -> bool:
        """Whether a coded product, or the product of a stratum ("NAME @ROUTE"), is watched."""
        return product in self.products or product.rpartition(" @")[0] in self.products

    def digest(self) -> str:
        """SHA-256 (hex) over the products."""
        return hashlib.sha256("\x1f".join(sorted(self.products)).encode()).hexdigest()


def designated_events(
    path: Path | None = None, vocabulary: Vocabulary | None = None
) -> frozenset[str]:
    """The events reviewed from the first suspect case, as coded: the shipped list or a file's.

    Errors: `InputError` ("no_such_file", "vocabulary_invalid").
    """
    if path is None:
        listed = files.decode(files.shipped("case_review.toml"), files.Events, "case review list")
    else:
        listed = files.read(path, files.Events, "case review list")
    names = vocabulary or Vocabulary.load()
    return frozenset(names.event(term).name for term in listed.events)
