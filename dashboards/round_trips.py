"""Round trips to an OpenID provider: begun in one browser, ended there, once, within ten minutes.

The browser holds a secret in a cookie. What the provider is told (state, nonce, challenge of PKCE)
follows from it and does not lead back to it; the store keeps its hash, so that a trip ends once,
whichever process it comes back to.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from dashboards.sessions import hashed
from streams.store import tables
from streams.store.store import Store

SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What goes with one secret.

    >>> trip = RoundTrip("secret")
    >>> trip.state == trip.nonce, len(trip.verifier)
    (False, 43)
    """

    secret: str

    @property
    def state(self) -> str:
        """What the provider hands back."""
        return self._of("state")

    @property
    def nonce(self) -> str:
        """What the provider writes into the token."""
        return self._of("nonce")

    @property
    def verifier(self) -> str:
        """What shows that who brings the code is who asked for it (RFC 7636)."""
        return self._of("verifier")

    @property
    def challenge(self) -> str:
        """Its hash, S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def _of(self, what: str) -> str:
        key = self.secret.encode("utf-8", "surrogatepass")
        return _text(hmac.digest(key, what.encode(), "sha256"))


def begin(store: Store, where: str) -> RoundTrip:
    """A new trip, which leads to a page of ours."""
    trip = RoundTrip(secrets.token_urlsafe(32))
    table, now = tables.round_trips, time.time()
    row = {"hash": hashed(trip.secret), "next": where, "expires_at": now + SECONDS}
    with store.write() as connection:
        connection.execute(delete(table).where(table.c.expires_at < now))
        connection.execute(insert(table), [row])
    return trip


def end(store: Store, secret: str, state: str) -> tuple[RoundTrip, str] | None:
    """Use a trip up: it, and the page that it leads to; None where there is none, or another's."""
    trip = RoundTrip(secret)
    if not secret or not hmac.compare_digest(state.encode(errors="replace"), trip.state.encode()):
        return None
    table = tables.round_trips
    mine = (table.c.hash == hashed(secret)) & (table.c.expires_at > time.time())
    with store.write() as connection:
        where = connection.scalar(select(table.c.next).where(mine))
        if where is None or not connection.execute(delete(table).where(mine)).rowcount:
            return None
    return trip, where


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
