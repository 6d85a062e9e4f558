"""In which language the pages speak to a person: the texts of a request, and how it is chosen.

English is the source; every other language is a catalogue `languages/CODE.po` beside this file,
read at the start. The language of a request is what the person chose (a cookie), else what the
browser asks for, else English. What programs read (`/v1`, `/metrics`, exports) and what is stored
is English always. docs/decisions/0019-languages.md says why.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

import jinja2
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LANGUAGES: Final = {"en": "English", "de": "Deutsch"}
SOURCE: Final = "en"
COOKIE = "ketavigil_language"
CATALOGUES = Path(__file__).parent / "languages"
_ENGLISH_ALWAYS = ("/v1/", "/metrics", "/healthz", "/readyz", "/static/")
_EXPORTS = (".csv", ".ndjson")

_current: ContextVar[str] = ContextVar("language", default=SOURCE)


@cache
def catalogue(language: str) -> NullTranslations:
    """The texts of a language; those of the source are the messages themselves."""
    if language == SOURCE:
        return NullTranslations()
    held = BytesIO()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        write_mo(held, read_po(file, locale=language))
    held.seek(0)
    return GNUTranslations(held)


def current() -> str:
    """The language of this request; English outside of one."""
    return _current.get()


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language in what is called inside.

    >>> with speaking("de"):
    ...     current()
    'de'
    """
    before = _current.set(language)
    try:
        yield
    finally:
        _current.reset(before)


def _(message: str, /, **values: object) -> str:
    """A message in the current language, with its values put in as `str.format` does.

    >>> _("{n} of {total}", n=3, total=4)
    '3 of 4'
    """
    text = catalogue(current()).gettext(message) if message else ""
    return _FORMATTER.format(text, **values) if values else text


def n_(one: str, many: str, n: float, /, **values: object) -> str:
    """The same of a message that depends on a number.

    >>> n_("{n} report", "{n} reports", 1, n=1), n_("{n} report", "{n} reports", 2, n=2)
    ('1 report', '2 reports')
    """
    # gettext counts in whole numbers; half a report is not one
    whole = int(n) if n == int(n) else 2
    return _FORMATTER.format(catalogue(current()).ngettext(one, many, whole), **values)


class _Formatter(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        text: str = super().format_field(value, format_spec)
        return thousands(text) if "," in format_spec else text


_FORMATTER = _Formatter()


def thousands(number: str) -> str:
    """A number that has commas between its thousands, for people: elsewhere a comma is a point.

    Digits and the decimal point are the same in every language; between thousands stands a narrow
    space where it is not English, as ISO 80000 has it.

    >>> thousands("46,546.5")
    '46,546.5'
    >>> with speaking("de"):
    ...     thousands("46,546.5")
    '46\u202f546.5'
    """
    return number if current() == SOURCE else number.replace(",", "\u202f")


def mark(message: str) -> str:
    """The message itself: it is for the catalogue, and is translated where it is shown."""
    return message


def install(pages: jinja2.Environment) -> jinja2.Environment:
    """Let templates speak the language of the request: `{% trans %}`, `_()`, the filter `t`."""
    pages.add_extension("jinja2.ext.i18n")
    pages.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: catalogue(current()).gettext(message),
        lambda one, many, n: catalogue(current()).ngettext(one, many, n),
        newstyle=True,
    )
    pages.filters["t"] = _shown
    pages.globals |= {"LANGUAGES": LANGUAGES, "language": current}
    return pages


def _shown(message: object) -> str:
    return _(str(message))


def asked(accepted: str) -> str:
    """The best of our languages by an `Accept-Language` header; English where it names none.

    >>> asked("de-AT,de;q=0.9,en;q=0.8"), asked("fr, en;q=0.5, de;q=0.7"), asked("fr, de;q=x")
    ('de', 'de', 'en')
    """
    best, most = SOURCE, 0.0
    for part in accepted.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        try:
            weight = float(next((p[2:] for p in parameters if p.startswith("q=")), "1"))
        except ValueError:
            continue
        if name.partition("-")[0] in LANGUAGES and most < weight <= 1:
            best, most = name.partition("-")[0], weight
    return best


def of_request(cookies: Mapping[str, str], headers: Headers) -> str:
    """What the person chose, else what the browser asks for."""
    chosen = cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else asked(headers.get("accept-language", ""))


class Language:
    """ASGI middleware: the language of each request, and headers that say so on its pages."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asking = HTTPConnection(scope)
        path = asking.url.path
        english = path.startswith(_ENGLISH_ALWAYS) or path.endswith(_EXPORTS)
        language = SOURCE if english else of_request(asking.cookies, asking.headers)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and not english:
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-language", language)
                headers.add_vary_header("Accept-Language, Cookie")
            await send(message)

        with speaking(language):
            await self._app(scope, receive, sending)
