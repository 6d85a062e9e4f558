"""From names as sent to names as counted: substances, event terms, routes."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

import msgspec

from schemas.errors import InputError
from schemas.vocabulary import files, naming

# goes into the digest: raised when the rules of `naming` change what a name is coded to
_RULES = 1
_KEPT = 1 << 17


class Coded(NamedTuple):
    """A name as counted, and whether the vocabulary knew it."""

    name: str
    matched: bool


class Vocabulary:
    """Substances, event terms, event groups and routes under the names that count.

    A name matches as whole words or not at all; what matches nothing stays as sent.

    >>> vocabulary = Vocabulary.load()
    >>> vocabulary.product("SPRAVATO 56 MG NASAL SPRAY")
    Coded(name='esketamine', matched=True)
    >>> vocabulary.product("dexketoprofen")
    Coded(name='DEXKETOPROFEN', matched=False)
    >>> vocabulary.event("CYSTITIS INTERSTITIAL"), vocabulary.groups_of("Cystitis interstitial")
    (Coded(name='Cystitis interstitial', matched=True), ('urinary',))
    """

    def __init__(self, data: files.Data) -> None:
        self._data = data
        self._noise = frozenset(naming.folded(word) for word in data.noise)
        self._classes = {s.name: s.kind for s in data.substance}
        self._names = _names(data, self._noise)
        self._terms = _terms(data)
        self._capitals = naming.Capitals(data.capitals)
        self._groups = self._scopes("narrow")
        self._groups_of: dict[str, tuple[str, ...]] = {}
        for group, terms in self._groups.items():
            for term in terms:
                self._groups_of[term] = (*self._groups_of.get(term, ()), group)
        self._routes = {
            naming.folded(name): "" if route == "none" else route
            for route, names in data.routes.items()
            for name in names
        }
        self._product = lru_cache(_KEPT)(self._code_product)
        self._event = lru_cache(_KEPT)(self._code_event)
        self._route = lru_cache(_KEPT)(self._code_route)

    @classmethod
    def load(cls, extra: Path | None = None) -> Vocabulary:
        """The shipped vocabulary (loaded once), or that with a user's file added.

        The file may hold `[[substance]]` (name, class, names), `[groups.NAME]` (narrow, broad,
        context), `[synonyms]` (term = term), `[routes]`, `terms`, `capitals` and `noise`. Errors:
        `InputError` ("no_such_file", "vocabulary_invalid", "vocabulary_conflict").
        """
        if extra is None:
            return _default()
        return cls(files.merged(files.base(), files.read(extra, files.Data, "vocabulary")))

    def product(self, name: str) -> Coded:
        """The substance that a product's name means.

        A known name becomes its substance (small letters). Salts, strengths, forms and routes
        about a name do not matter; any other word does, so that a combination is never counted as
        one of its parts. An unknown name stays as sent, with its white space folded and in
        capitals: `Fluconazole` and `FLUCONAZOLE` are one background product.
        """
        return self._product(name)

    def event(self, term: str) -> Coded:
        """The event that a term means.

        A known term gets the spelling of the vocabulary, whatever its case and white space; any
        other is written with a capital first letter and the rest small (but for the words listed
        as `capitals`), so that `RASH MACULAR` and `rash macular` are one event. Coding a coded
        name changes nothing.
        """
        return self._event(term)

    def route(self, text: str | None) -> str:
        """One of `files.ROUTES`, "other", or "" where none is given or it is said to be unknown.

        >>> Vocabulary.load().route("Intravenous drip"), Vocabulary.load().route(None)
        ('intravenous', '')
        """
        return "" if text is None else self._route(text)

    def substance_class(self, name: str) -> str | None:
        """The class of a coded product, or None."""
        return self._classes.get(name)

    def groups_of(self, event: str) -> tuple[str, ...]:
        """The groups that hold a coded event in their narrow scope."""
        return self._groups_of.get(event, ())

    def groups(self, *, broad: bool = False) -> dict[str, tuple[str, ...]]:
        """Every group with terms in the narrow scope; `broad` adds the terms of the broad one."""
        if not broad:
            return dict(self._groups)
        wide = self._scopes("broad")
        return {name: terms + wide.get(name, ()) for name, terms in self._groups.items()}

    def context(self) -> frozenset[str]:
        """Events kept for reading the others, never a signal: lack of effect is not a harm."""
        return frozenset(term for terms in self._scopes("context").values() for term in terms)

    def digest(self) -> str:
        """SHA-256 (hex) over all that decides how names are coded."""
        content = msgspec.json.encode((_RULES, self._data), order="deterministic")
        return hashlib.sha256(content).hexdigest()

    def _scopes(self, scope: str) -> dict[str, tuple[str, ...]]:
        found = {}
        for name, group in self._data.groups.items():
            terms: list[str] = getattr(group, scope)
            if terms:
                spelt = (self._terms[naming.folded(term)] for term in terms)
                found[name] = tuple(dict.fromkeys(spelt))
        return found

    def _code_product(self, name: str) -> Coded:
        sent = " ".join(name.split()).upper() or name
        found = self._names.get(naming.words(sent))
        if found is None:
            found = self._names.get(naming.bare(sent, self._noise))
        return Coded(sent, False) if found is None else Coded(found, True)

    def _code_event(self, term: str) -> Coded:
        spelt = self._capitals.sentence(term) or term
        found = self._terms.get(naming.folded(spelt))
        return Coded(spelt, False) if found is None else Coded(found, True)

    def _code_route(self, text: str) -> str:
        name = naming.folded(text)
        return self._routes.get(name, "other") if name else ""


@cache
def _default() -> Vocabulary:
    return Vocabulary(files.base())


def _names(data: files.Data, noise: frozenset[str]) -> dict[str, str]:
    exact: dict[str, str] = {}
    stripped: dict[str, str] = {}
    for substance in data.substance:
        for name in (substance.name, *substance.names):
            _claim(exact, naming.words(name), name, substance.name)
    for substance in data.substance:
        for name in (substance.name, *substance.names):
            key = naming.bare(name, noise)
            # what is spelt out belongs to the substance that spells it out
            if key not in exact:
                _claim(stripped, key, name, substance.name)
    return stripped | exact


def _claim(names: dict[str, str], key: str, name: str, substance: str) -> None:
    if not key:
        return
    other = names.setdefault(key, substance)
    if other != substance:
        raise InputError(
            "vocabulary_conflict", f"the name {name!r} stands for both {other} and {substance}"
        )


def _terms(data: files.Data) -> dict[str, str]:
    terms: dict[str, str] = {}
    grouped = (
        term
        for group in data.groups.values()
        for term in (*group.narrow, *group.broad, *group.context)
    )
    for term in (*data.terms, *grouped, *data.synonyms.values()):
        terms.setdefault(naming.folded(term), term)
    for synonym, term in data.synonyms.items():
        key, meant = naming.folded(synonym), terms[naming.folded(term)]
        if terms.setdefault(key, meant) != meant:
            raise InputError(
                "vocabulary_conflict", f"the term {synonym!r} is its own and cannot mean {term!r}"
            )
    return terms
