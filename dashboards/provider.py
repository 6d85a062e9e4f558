"""The OpenID provider as it is asked: what it publishes, its keys, and a code for an ID token.

Every request has a bound of time and size, goes nowhere else by a redirect, and over https (http on
loopback alone).
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import httpx
import msgspec

from dashboards.id_token import Expected, Key, UnknownKey, keys_of, read_subject
from dashboards.language import _
from dashboards.registration import Registration, is_loopback, is_safe
from schemas.errors import InputError

logger = logging.getLogger("ketavigil.web")

SECONDS = 10.0  # for one request, to its last byte
MOST = 256 << 10  # bytes of one answer
KNOWN_SECONDS = 3600.0  # what was published is asked for again after this


class Away(InputError):
    """The provider does not answer, or not as one ("oidc_away")."""


@dataclass(frozen=True, slots=True)
class Published:
    """What we use of a provider's configuration."""

    authorization: str
    token: str
    keys: str
    basic: bool  # how it wants our secret: as a header, or in the form


class Provider:
    """One provider; what it published and its keys are kept for an hour."""

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self._published: tuple[float, Published] | None = None
        self._keys: tuple[float, dict[str, Key]] | None = None

    async def address(self, back: str, state: str, nonce: str, challenge: str) -> str:
        """Where a browser is sent to sign in; it returns to `back`. Raises `Away`."""
        where = (await self._configuration()).authorization
        query = {
            "response_type": "code",
            "scope": "openid",
            "client_id": self.registration.client_id,
            "redirect_uri": back,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{where}{'&' if '?' in where else '?'}{urlencode(query)}"

    async def subject(self, code: str, back: str, verifier: str, nonce: str) -> str:
        """Whom a code is about.

        Raises `Away`, `InputError` ("oidc_code") where the provider does not take the code, and
        what `read_subject` raises.
        """
        token = await self._exchange(code, back, verifier)
        expected = Expected(self.registration.issuer, self.registration.client_id, nonce)
        try:
            return read_subject(token, await self._known_keys(), expected)
        except UnknownKey:
            # it may have new keys; one more request for each code that it took
            self._keys = None
            return read_subject(token, await self._known_keys(), expected)

    async def _exchange(self, code: str, back: str, verifier: str) -> str:
        published, ours = await self._configuration(), self.registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        auth = None
        if published.basic:
            auth = httpx.BasicAuth(quote(ours.client_id, safe=""), quote(ours.secret, safe=""))
        else:
            form |= {"client_id": ours.client_id, "client_secret": ours.secret}
        status, answer = await self._ask(published.token, form, auth)
        if status == 400 and answer.get("error") == "invalid_grant":
            raise InputError("oidc_code", _("This sign-in was used already, or is too old."))
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            # wrong secret, say: nothing that the person can do about
            raise _away(f"the token endpoint answered {status} {str(answer.get('error'))[:60]!r}")
        return token

    async def _configuration(self) -> Published:
        now = time.monotonic()
        if self._published is None or now - self._published[0] > KNOWN_SECONDS:
            issuer = self.registration.issuer
            where = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            status, found = await self._ask(where)
            if status != 200 or found.get("issuer") != issuer:
                raise _away("its configuration is not there, or names another issuer")
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            urls = [str(found.get(name, "")) for name in names]
            if not all(map(is_safe, urls)):
                raise _away("its configuration lacks an address, or has one without https")
            ways = found.get("token_endpoint_auth_methods_supported")
            basic = not isinstance(ways, list) or "client_secret_basic" in ways
            self._published = now, Published(urls[0], urls[1], urls[2], basic)
        return self._published[1]

    async def _known_keys(self) -> dict[str, Key]:
        now = time.monotonic()
        if self._keys is None or now - self._keys[0] > KNOWN_SECONDS:
            status, found = await self._ask((await self._configuration()).keys)
            listed = found.get("keys")
            if status != 200 or not isinstance(listed, list):
                raise _away("its keys are not there")
            self._keys = now, keys_of(listed)
        return self._keys[1]

    async def _ask(
        self, url: str, form: dict[str, str] | None = None, auth: httpx.Auth | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and object of an answer; GET, or POST of a form."""
        body = bytearray()
        # a proxy of the environment is for what is outside
        outside = not is_loopback(urlsplit(url).hostname or "")
        try:
            async with (
                asyncio.timeout(SECONDS),
                httpx.AsyncClient(
                    trust_env=outside, follow_redirects=False, timeout=SECONDS
                ) as client,
                client.stream(
                    "GET" if form is None else "POST",
                    url,
                    data=form,
                    auth=auth,
                    headers={"accept": "application/json", "accept-encoding": "identity"},
                ) as answer,
            ):
                async for chunk in answer.aiter_raw():
                    body += chunk
                    if len(body) > MOST:
                        raise _away("its answer is too large")
                status = answer.status_code
            found = msgspec.json.decode(body) if 200 <= status < 300 or status == 400 else {}
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise _away(type(error).__name__) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _away("its answer is no JSON") from None
        return status, found if isinstance(found, dict) else {}


def _away(why: str) -> Away:
    logger.warning("oidc_away: %s", why)
    return Away("oidc_away", _("The provider cannot be reached; try again in a while."))
