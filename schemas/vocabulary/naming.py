"""When two spellings are the same name: the keys that vocabulary lookups go by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

_SIGNS = (
    (re.compile(r"\(\s*(?:\+\s*/?\s*-|±)\s*\)"), " racemic "),
    (re.compile(r"\(\s*\+\s*\)"), " plus "),
    (re.compile(r"\(\s*-\s*\)"), " minus "),
)
_DASHES = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63\uff0d]")
_TOKEN = re.compile(r"[^\W_]+")
_MEASURE = "mg|mcg|\u03bcg|ug|g|gm|kg|ml|l|iu|u|meq|mmol|h|hr|hrs|hour|hours"
_STRENGTH = re.compile(
    rf"(?<![\w.,])\d+(?:[.,]\d+)*(?:\s|-)*(?:(?:{_MEASURE})(?!\w)|%)"
    rf"(?:\s*/\s*\d*(?:[.,]\d+)?\s*(?:{_MEASURE}|spray|dose|day|actuation)(?!\w))?"
)


def folded(text: str) -> str:
    """Text without differences of case, width, accent, dash or white space.

    >>> folded("  K\u00e9tamine\\u2011HCl ")
    'ketamine-hcl'
    """
    text = unicodedata.normalize("NFKD", text.casefold())
    text = "".join(letter for letter in text if not unicodedata.combining(letter))
    return " ".join(_DASHES.sub("-", text.casefold()).split())


def words(name: str) -> str:
    """The words of a name, parted by single blanks; the sign of rotation counts as a word.

    >>> words("(S)-(+)-Ketamine"), words("2-FDCK")
    ('s plus ketamine', '2 fdck')
    """
    name = folded(name)
    for sign, word in _SIGNS:
        name = sign.sub(word, name)
    return " ".join(_TOKEN.findall(name))


def bare(name: str, noise: Container[str]) -> str:
    """The words of a name without strengths, salts and forms; empty where nothing is left.

    A number without a unit is dropped only behind a word that stays: "2-fluoro..." keeps its 2.

    >>> bare("KETAMINE HCL 50 MG/ML INJ", {"hcl", "inj"})
    'ketamine'
    >>> bare("ketamine/propofol 1:1", {"hcl"})
    'ketamine propofol'
    """
    kept: list[str] = []
    named = False
    for word in words(_STRENGTH.sub(" ", folded(name))).split():
        if word in noise or (named and word.isdigit()):
            continue
        kept.append(word)
        named = named or not word.isdigit()
    return " ".join(kept) if named else ""


class Capitals:
    """The writing of terms that no list holds; `words` keep their capitals.

    >>> Capitals(["QT"]).sentence("ELECTROCARDIOGRAM QT  PROLONGED")
    'Electrocardiogram QT prolonged'
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._words = {word.lower(): word for word in words}
        listed = "|".join(re.escape(word) for word in sorted(self._words, key=len, reverse=True))
        self._pattern = re.compile(rf"(?<!\w)(?:{listed})(?!\w)", re.IGNORECASE)

    def sentence(self, term: str) -> str:
        """The term with a capital first letter and the rest small, listed words as listed.

        Writing a written term changes nothing.
        """
        term = " ".join(unicodedata.normalize("NFKC", term).lower().split())
        if self._words:
            term = self._pattern.sub(lambda found: self._words[found[0].lower()], term)
        first, *_ = term.split(" ")
        capital = term[:1].upper()
        # pH at the start stays pH; a capital may be two letters, which would not stay as it is
        return capital + term[1:] if first.islower() and len(capital) == 1 else term
