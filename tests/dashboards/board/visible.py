"""What of a page somebody sees or hears, apart from data, and what of that no message says."""

from __future__ import annotations

import re
from gettext import NullTranslations
from html.parser import HTMLParser

OPEN, CLOSE = "⟦", "⟧"
_TOKEN = re.compile(r"(<[^>]*>|%\(\w+\)s|%%|\{[^{}]*\})")
_SPOKEN = {"aria-label", "title", "alt", "placeholder", "data-label", "data-on", "data-off"}
_VOID = {"meta", "link", "input", "br", "path", "rect", "polyline", "polygon", "line"}
_HIDDEN = {"style", "script"}


def bracketed(message: str) -> str:
    """A message in the language of this test: its own words stand in brackets, what is put in not.

    >>> bracketed("<strong>%(n)s</strong> of {total} cases")
    '<strong>%(n)s</strong>⟦ of ⟧{total}⟦ cases⟧'
    """
    parts = _TOKEN.split(message)
    return "".join(
        part if i % 2 or not re.search(r"\w", part) else f"{OPEN}{part}{CLOSE}"
        for i, part in enumerate(parts)
    )


class Brackets(NullTranslations):
    """The catalogue of that language, with every message there could be, and what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def gettext(self, message: str) -> str:
        """The message in brackets."""
        self.asked.add(message)
        return bracketed(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """The same of one or many."""
        return bracketed(msgid1 if n == 1 else msgid2)


class Visible(HTMLParser):
    """The texts and spoken attributes of a page, but for what says by `lang` or `translate` that it
    is not of the page's own language, and for code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._foreign: list[bool] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        foreign = (
            (self._foreign[-1] if self._foreign else False)
            or (tag != "html" and "lang" in held)
            or held.get("translate") == "no"
            or tag in _HIDDEN | {"code", "kbd", "time"}
        )
        if not foreign:
            self.texts += [value for name, value in attrs if name in _SPOKEN and value]
        if tag not in _VOID:
            self._foreign.append(foreign)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        return

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID and self._foreign:
            self._foreign.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not (self._foreign and self._foreign[-1]):
            self.texts.append(" ".join(data.split()))


def untranslated(html: str, data: frozenset[str]) -> set[str]:
    """Texts with a word that stands in no brackets and is no data.

    >>> untranslated("<p title='x'>⟦seen⟧ Dissociation by nobody</p>", frozenset({"Dissociation"}))
    {'⟦seen⟧ Dissociation by nobody'}
    """
    found = set()
    for text in Visible(html).texts:
        rest, said = "", text
        while rest != said:
            rest, said = said, re.sub(f"{OPEN}[^{OPEN}{CLOSE}]*{CLOSE}", " ", said)
        for name in sorted(data, key=len, reverse=True):
            said = said.replace(name, " ")
        if re.search(r"[^\W\d_]{3,}", said):
            found.add(text)
    return found
