"""What an OpenID provider says of a person: an ID token, and everything that must hold of it.

OpenID Connect Core 1.0, section 3.1.3.7. Signatures are checked by joserfc.
"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey, import_key

from dashboards.language import _
from schemas.errors import InputError

# of public keys alone: with HS256 our own secret, or the provider's public key, would sign
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
LEEWAY = 60.0  # seconds that the clocks of the provider and ours may differ
LONGEST = 16 << 10  # characters of a token
_KINDS: Final = {"RSA", "EC"}
_WEAKEST_RSA = 2048
_OLDEST = 600.0  # seconds since it was made

Key = RSAKey | ECKey


class UnknownKey(InputError):
    """The token names a key that the provider's list, as we know it, does not have."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say: who made it, for whom, and in which round trip."""

    issuer: str
    client_id: str
    nonce: str


def keys_of(listed: Iterable[Any]) -> dict[str, Key]:
    """The keys of a JWKS with which we check signatures, by their ids ("": without one).

    What is of another kind, for another use, or too weak is left out.
    """
    found: dict[str, Key] = {}
    for one in listed:
        if not isinstance(one, dict) or one.get("kty") not in _KINDS:
            continue
        if one.get("use", "sig") != "sig":
            continue
        try:
            if one["kty"] == "RSA" and _bits(one["n"]) < _WEAKEST_RSA:
                continue
            key = import_key(one)
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        kid = one.get("kid", "")
        if isinstance(kid, str) and isinstance(key, Key):
            found[kid] = key
    return found


def read_subject(token: str, keys: Mapping[str, Key], expected: Expected) -> str:
    """The person that a token names, after everything else in it was checked.

    Raises `UnknownKey` ("oidc_key") and `InputError`: "oidc_token" (no token), "oidc_algorithm",
    "oidc_signature", "oidc_issuer", "oidc_audience", "oidc_expired", "oidc_nonce".
    """
    claims = _claims(token, keys)
    now = time.time()
    if claims.get("iss") != expected.issuer:
        raise InputError("oidc_issuer", _("The answer is of another provider."))
    audience = claims.get("aud")
    several = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp", expected.client_id if len(several) == 1 else None)
    if expected.client_id not in several or party != expected.client_id:
        raise InputError("oidc_audience", _("The answer is for another site."))
    expires, issued, begins = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None or ("nbf" in claims and begins is None):
        raise InputError("oidc_token", _("The provider's answer is no sign-in."))
    early = max(issued, issued if begins is None else begins) > now + LEEWAY
    if early or expires <= now - LEEWAY or issued <= now - _OLDEST - LEEWAY:
        raise InputError(
            "oidc_expired", _("The provider's answer is too old, or a clock is wrong.")
        )
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(
        nonce.encode(errors="replace"), expected.nonce.encode()
    ):
        raise InputError("oidc_nonce", _("The answer is of another sign-in."))
    subject = claims.get("sub")
    if not isinstance(subject, str) or not is_subject(subject):
        raise InputError("oidc_token", _("The provider's answer is no sign-in."))
    return subject


def is_subject(text: str) -> bool:
    """Whether a text can name a person at a provider: 1 to 255 printable characters of ASCII.

    >>> is_subject("248289761001"), is_subject(""), is_subject("a\\n")
    (True, False, False)
    """
    return 0 < len(text) <= 255 and text.isascii() and text.isprintable()


def _bits(modulus: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(f"{modulus}==")).bit_length()


def _claims(token: str, keys: Mapping[str, Key]) -> dict[str, Any]:
    try:
        if len(token) > LONGEST:
            raise ValueError
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InputError("oidc_token", _("The provider's answer is no sign-in.")) from None
    if header.get("alg") not in ALGORITHMS:
        raise InputError("oidc_algorithm", _("The answer is not signed in a way that counts."))
    key = None
    if isinstance(kid := header.get("kid", ""), str):
        key = keys.get(kid)
    if kid == "" and len(keys) == 1:  # without an id there is no doubt only where there is one key
        (key,) = keys.values()
    if key is None:
        raise UnknownKey("oidc_key", _("The answer is signed by a key that is not the provider's."))
    try:
        return jwt.decode(token, key, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise InputError("oidc_signature", _("The signature of the answer is wrong.")) from None


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    if not isinstance(found, int | float) or isinstance(found, bool) or not abs(found) < 1e15:
        return None
    return float(found)
