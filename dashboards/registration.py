"""The OpenID provider by which people may sign in, as a deployment names it; none unless it does.

What stands in the environment, all with `KETAVIGIL_OIDC_` before it: `ISSUER` (the provider's URL),
`CLIENT_ID` and `CLIENT_SECRET_FILE` (what the provider registered), `LABEL` (words of the button).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from schemas.errors import InputError

PREFIX = "KETAVIGIL_OIDC_"
_NEEDED = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET_FILE")
_LABEL = "OpenID Connect"


@dataclass(frozen=True, slots=True)
class Registration:
    """One provider, and this board as it is registered there."""

    issuer: str
    client_id: str
    secret: str = field(repr=False)
    label: str = _LABEL


def read_registration(environment: Mapping[str, str] | None = None) -> Registration | None:
    """The provider of a deployment; None where nothing of it is set.

    Raises `InputError`: "oidc_incomplete", "oidc_issuer_url", "oidc_secret", "oidc_label".

    >>> read_registration({}) is None
    True
    """
    given = os.environ if environment is None else environment
    found = {name: given.get(PREFIX + name, "").strip() for name in (*_NEEDED, "LABEL")}
    if not any(found.values()):
        return None
    if missing := [PREFIX + name for name in _NEEDED if not found[name]]:
        raise InputError("oidc_incomplete", f"to sign in by a provider, set {', '.join(missing)}")
    parts = urlsplit(found["ISSUER"])
    if not is_safe(found["ISSUER"]) or parts.query or parts.fragment or parts.username:
        raise InputError(
            "oidc_issuer_url", f"{PREFIX}ISSUER is a URL with https (http on loopback alone)"
        )
    if len(found["LABEL"]) > 60 or not found["LABEL"].isprintable():
        raise InputError("oidc_label", f"{PREFIX}LABEL has at most 60 printable characters")
    try:
        secret = Path(found["CLIENT_SECRET_FILE"]).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise InputError("oidc_secret", f"{PREFIX}CLIENT_SECRET_FILE cannot be read, or is empty")
    return Registration(found["ISSUER"], found["CLIENT_ID"], secret, found["LABEL"] or _LABEL)


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is sent there: https, or this machine.

    >>> [is_safe(u) for u in ("https://id.example", "http://id.example", "http://127.0.0.1:81/a")]
    [True, False, True]
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether a host is this machine.

    >>> is_loopback("localhost"), is_loopback("::1"), is_loopback("127.0.0.1.example")
    (True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
