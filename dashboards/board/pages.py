"""How pages are made: templates, how numbers and times are written, and errors as pages."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from math import exp, log
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from dashboards.board.beside import figure
from dashboards.board.depth import named
from dashboards.choosing import here_again
from dashboards.language import _, install, mark, thousands
from detectors.followup.record import Observed
from detectors.scope import YEAR

_HERE = Path(__file__).parent

DISPOSITIONS = {
    "counted": mark("counted"),
    "superseded": mark("superseded by a newer version"),
    "nullified": mark("nullified by the sender"),
    "duplicate": mark("sent again"),
    "quarantined": mark("in quarantine"),
    "in_flight": mark("in flight"),
}
RULES = {
    "ic025": "IC025",
    "eb05": "EB05",
    "evans_prr": mark("PRR, Evans"),
    "ror025": mark("ROR lower limit"),
    "fatal_unlisted": mark("fatal, not listed"),
}
DRIFTS = {"uncoded event": mark("event not coded"), "uncoded product": mark("product not coded")}
KINDS = {"confirmed": mark("confirmed by sequential evidence")}
STATES = {
    "first_held": mark("rule held for the first time"),
    "holds_again": mark("rule holds again"),
    "holds_no_longer": mark("rule holds no longer"),
    "held_on_a_day_gone_by": mark("rule held on an earlier day, by the data's dates"),
}


@cache
def environment() -> jinja2.Environment:
    """The templates of the board, escaping everything, in the language of who asks."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "count": count,
        "decimal": decimal,
        "when": when,
        "signed": signed,
        "span": span,
        "period": period,
        "event": event,
        "words": words,
        "drift": drift,
        "rule": rule,
        "fields": fields,
        "kind": kind,
        "e": evidence,
        "figure": figure,
        "part": named,
        "place": place,
    }
    pages.globals |= {
        "DISPOSITIONS": DISPOSITIONS,
        "STATES": STATES,
        "YEAR": YEAR,
        "here_again": here_again,
    }
    return install(pages)


def respond(request: Request, template: str, status: int = 200, /, **context: Any) -> Response:
    """A page with who is signed in; it needs `moment` for its footer where that is known."""
    given = {
        "request": request,
        "viewer": getattr(request.state, "viewer", None),
        "moment": None,
        "demo": any(getattr(route, "path", "") == "/demo" for route in request.app.routes),
        "now": time.time(),
        "version": version("ketavigil"),
    }
    html = environment().get_template(template).render(given | context)
    return HTMLResponse(html, status)


async def http_error(request: Request, error: Exception) -> Response:
    """An HTTP error in the style of the board."""
    assert isinstance(error, HTTPException)
    page = respond(request, "error.html", error.status_code, detail=error.detail)
    page.headers.update(error.headers or {})
    return page


def count(value: int | None) -> str:
    """A count with thousands apart.

    >>> count(1234567)
    '1,234,567'
    """
    return "–" if value is None else thousands(f"{value:,}")


def decimal(value: float | None, digits: int = 2) -> str:
    """A number with so many decimals, large ones with fewer; a dash where there is none.

    >>> decimal(-0.254), decimal(1234.5), decimal(48.257), decimal(None)
    ('−0.25', '1,234', '48.3', '–')
    """
    if value is None:
        return "–"
    shown = digits if abs(value) < 10 else min(digits, 1) if abs(value) < 1000 else 0
    text = thousands(f"{value:,.{shown}f}")
    return text.replace("-", "−")


def when(at: float | None, to: str = "seconds") -> Markup:
    """A system time, in UTC to the second or the minute.

    >>> when(0.0)
    Markup('<time datetime="1970-01-01T00:00:00Z">1970-01-01 00:00:00</time>')
    """
    if at is None:
        return Markup("–")
    moment = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        moment.strftime("%Y-%m-%d %H:%M:%S" if to == "seconds" else "%Y-%m-%d %H:%M"),
    )


def signed(points: int) -> str:
    """Points with their sign.

    >>> signed(2), signed(0), signed(-3)
    ('+2', '0', '−3')
    """
    return f"{points:+d}".replace("-", "−") if points else "0"


def span(seconds: float | None) -> str:
    """A duration in the largest unit that leaves two or more.

    >>> span(45), span(3 * 3600), span(200_000), span(None)
    ('45 s', '3 h', '56 h', '–')
    """
    if seconds is None:
        return "–"
    for size, unit in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        limit = size * (3 if unit == "d" else 2)
        if seconds >= limit:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 2 else f"{seconds:.2f} s"


def period(days: float) -> str:
    """A number of days, long ones in years.

    >>> period(0.4), period(12.4), period(400), period(900)
    ('0.4 days', '12 days', '400 days', '2.46 years')
    """
    if days >= 2 * YEAR:
        return _("{years} years", years=figure(days / YEAR))
    return _("{days:.1f} days", days=days) if days < 2 else _("{days:,.0f} days", days=days)


def event(name: str) -> str:
    """An event for people: a group of terms says that it is one.

    >>> event("group:urinary"), event("Cystitis")
    ('Urinary (group of terms)', 'Cystitis')
    """
    if not name.startswith("group:"):
        return name
    group = words(name.removeprefix("group:"))
    return _("{group} (group of terms)", group=group[:1].upper() + group[1:])


def rule(name: str) -> str:
    """A rule's name, short; its title stands on the page of a signal.

    >>> rule("ror025"), rule("our_own")
    ('ROR lower limit', 'our own')
    """
    return _(RULES[name]) if name in RULES else words(name)


def kind(name: str) -> str:
    """A kind of signal under its own words.

    >>> kind("confirmed"), kind("case_review")
    ('confirmed by sequential evidence', 'case review')
    """
    return _(KINDS[name]) if name in KINDS else words(name)


def evidence(log_e: float | None) -> str:
    """An e-value from its logarithm; large ones as powers of ten.

    >>> evidence(0.0), evidence(5.68), evidence(30.0), evidence(-3.0), evidence(None)
    ('1', '293', '1.1 × 10^13', '0.0498', '–')
    """
    if log_e is None:
        return "–"
    if log_e > log(1e6):
        power = int(log_e / log(10))
        return f"{exp(log_e - power * log(10)):.1f} × 10^{power}"
    value = exp(log_e)
    return thousands(f"{value:,.0f}") if value >= 100 else f"{value:.3g}"


def words(name: str) -> str:
    """An identifier as words, in the language of who asks where it is one of ours.

    >>> words("case_review")
    'case review'
    """
    return _(name.replace("_", " "))


def place(name: str) -> str:
    """A name as one part of the path of an address.

    >>> place("group:urinary"), place("Depersonalisation/derealisation disorder")
    ('group%3Aurinary', 'Depersonalisation%2Fderealisation%20disorder')
    """
    return quote(name, safe="")


def drift(what: str) -> str:
    """What reports name, as a heading of a row.

    >>> drift("group:urinary"), drift("uncoded event")
    ('Urinary (group of terms)', 'event not coded')
    """
    return _(DRIFTS[what]) if what in DRIFTS else event(what)


def said(value: str) -> str:
    """A value as sent, in the language of who asks where it is one of a list of ours.

    >>> said("adverse_event"), said("CANTAB")
    ('adverse_event', 'CANTAB')
    """
    plain = value.replace("_", " ")
    spoken = _(plain)
    return value if spoken == plain else spoken


def fields(observed: Observed) -> list[tuple[str, str]]:
    """What a follow-up record holds of its own kind, numbers without a useless fraction."""
    common = {"registry", "record_id", "version", "status", "patient", "course", "at", "kind"}
    held = observed.record.model_dump(exclude_none=True, exclude_defaults=True, exclude=common)
    shown = []
    for name, value in held.items():
        if name == "biomarkers":
            shown += [(marker["name"], str(marker["value"])) for marker in value]
        elif isinstance(value, bool):
            shown.append((name, _("yes") if value else _("no")))
        else:
            shown.append((name, f"{value:g}" if isinstance(value, float) else said(str(value))))
    return shown
