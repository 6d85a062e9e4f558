"""A small OpenID provider on loopback, with a key of its own, that can be told to misbehave."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboards.registration import Registration
from tests.streams.gateway.serving import running

CLIENT, SECRET = "the board", "a secret: of 3%"
SUBJECT = "248289761001"


class OpenId:
    """Answers as a provider does: each code once, only to who asked for it.

    `claims` replaces claims of its tokens (None: leaves one out), `header` their header, `signed`
    how they are made; `published` replaces what its configuration says.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keys = [_key("first")]
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.published: dict[str, Any] = {}
        self.signed = "RS256"
        self.answer = 200
        self.large = 0
        self.slow = 0.0
        self.refusal = ""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["POST"]),
                Route("/keys", self._jwks),
            ]
        )

    def rotate(self) -> None:
        """A new key in place of the old one."""
        self.keys = [_key("second")]

    def registration(self) -> Registration:
        return Registration(self.url, CLIENT, SECRET, "Clinic ID")

    async def _configuration(self, request: Request) -> Response:
        self.asked.append("configuration")
        await asyncio.sleep(self.slow)
        if self.answer != 200:
            return PlainTextResponse("", self.answer, {"location": f"{self.url}/keys"})
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "padding": "x" * self.large,
        }
        return JSONResponse(said | self.published)

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        assert query["response_type"] == "code"
        assert query["scope"] == "openid"
        assert query["client_id"] == CLIENT
        assert query["code_challenge_method"] == "S256"
        back = {"state": query["state"], "iss": self.url}
        if self.refusal:
            back["error"] = self.refusal
        else:
            back["code"] = secrets.token_urlsafe(16)
            self._codes[back["code"]] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(back)}", 302)

    async def _token(self, request: Request) -> Response:
        self.asked.append("token")
        form = dict(await request.form())
        basic = base64.b64encode(b"the%20board:a%20secret%3A%20of%203%25").decode()
        posted = (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if request.headers.get("authorization") != f"Basic {basic}" and not posted:
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(str(form["code"]), None)
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        challenge = base64.urlsafe_b64encode(verifier).decode().rstrip("=")
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": SUBJECT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        }
        said = {name: v for name, v in (claims | self.claims).items() if v is not None}
        return JSONResponse({"access_token": "-", "id_token": self._sign(said)})

    def _sign(self, claims: dict[str, Any]) -> str:
        key = self.keys[0]
        header = {"alg": self.signed, "kid": key.kid} | self.header
        if self.signed == "none":
            return f"{_part(header)}.{_part(claims)}."
        if self.signed == "HS256":  # with what everybody knows as its secret
            signed = f"{_part(header)}.{_part(claims)}"
            tag = hmac.digest(key.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{base64.urlsafe_b64encode(tag).decode().rstrip('=')}"
        if self.signed == "forged":
            return jwt.encode(header | {"alg": "RS256"}, claims, _key("first"))
        return jwt.encode(header, claims, key, algorithms=[self.signed])

    async def _jwks(self, request: Request) -> Response:
        self.asked.append("keys")
        listed = [key.as_dict(private=False) for key in self.keys]
        return JSONResponse({"keys": [{"kty": "of another time"}, 7, *listed]})


@contextmanager
def provider() -> Iterator[OpenId]:
    """A provider that runs."""
    made = OpenId()
    with running(made.app()) as made.url:
        yield made


def _key(kid: str) -> RSAKey:
    return RSAKey.import_key(rsa.generate_private_key(65537, 2048), {"kid": kid, "use": "sig"})


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
