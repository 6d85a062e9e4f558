"""Which keys of a provider count, and which of them a token may name."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from dashboards.id_token import Expected, keys_of, read_subject
from schemas.errors import InputError

ISSUER = "https://id.example"
EXPECTED = Expected(ISSUER, "board", "a nonce")
KEY = ECKey.generate_key("P-256")
OTHER = ECKey.generate_key("P-256")


def listed(key: ECKey | RSAKey | OctKey, **more: str) -> dict[str, Any]:
    return key.as_dict(private=isinstance(key, OctKey)) | more


def token(**header: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "board", "sub": "s", "nonce": "a nonce"}
    return jwt.encode({"alg": "ES256", **header}, claims | {"iat": now, "exp": now + 60}, KEY)


def code_of(text: str, keys: list[dict[str, Any]]) -> str:
    with pytest.raises(InputError) as error:
        read_subject(text, keys_of(keys), EXPECTED)
    return error.value.code


def test_secrets_weak_keys_and_those_for_another_use_do_not_count() -> None:
    weak = base64.urlsafe_b64encode(b"\x00" * 200 + b"\xc1" * 128).decode().rstrip("=")
    keys = [
        {"kty": "RSA", "kid": "weak", "n": weak, "e": "AQAB"},
        {"kty": "RSA", "kid": "no number", "n": 7, "e": "AQAB"},
        listed(RSAKey.generate_key(2048), kid="strong"),
        listed(OctKey.generate_key(256), kid="secret"),
        listed(OTHER, kid="enc", use="enc"),
        listed(OTHER, kid="good", use="sig"),
        {"kty": "RSA", "kid": "no key"},
        {"kty": "EC", "kid": "no key", "crv": "P-256", "x": "!", "y": 7},
    ]
    assert list(keys_of(keys)) == ["strong", "good"]


def test_a_token_without_the_id_of_a_key_is_read_where_there_is_one_key_only() -> None:
    one, other = listed(KEY, kid="a"), listed(OTHER, kid="b")
    assert read_subject(token(), keys_of([one]), EXPECTED) == "s"
    assert read_subject(token(kid="a"), keys_of([one, other]), EXPECTED) == "s"
    assert code_of(token(), [one, other]) == "oidc_key"
    assert code_of(token(kid="b"), [one, other]) == "oidc_signature"
    assert code_of(token(kid="c"), [one]) == "oidc_key"
    assert code_of(token(), []) == "oidc_key"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "é.b.c", "." * 20_000, "W10.e30.x"])
def test_what_is_no_token_is_refused(text: str) -> None:
    assert code_of(text, [listed(KEY)]) == "oidc_token"


def test_a_token_with_an_extension_that_nobody_here_knows_is_refused() -> None:
    head, claims, signature = token().split(".")
    del head
    unknown = "eyJhbGciOiJFUzI1NiIsImNyaXQiOlsieCJdLCJ4IjoxfQ"  # {"alg":"ES256","crit":["x"],"x":1}
    assert code_of(f"{unknown}.{claims}.{signature}", [listed(KEY)]) == "oidc_signature"
