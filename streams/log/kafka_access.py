"""How clients reach Kafka: TLS, SASL, and how many copies of each topic; from the environment."""

from __future__ import annotations

import os
import socket
import ssl
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas.errors import InputError

ENVIRONMENT = "KETAVIGIL_KAFKA_"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

_ANSWERING = 2.0  # seconds
# length, api key, version, correlation id, no client id
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def brokers_of(url: str) -> list[str]:
    """The brokers of a `kafka://` URL, separated by commas or semicolons as in Faust.

    >>> brokers_of("kafka://a:9092,b:9092;kafka://c")
    ['a:9092', 'b:9092', 'c:9092']
    """
    if not url.startswith("kafka://"):
        raise InputError("unknown_log", f"a log's URL is sqlite:///path or kafka://host, not {url}")
    hosts = [host.removeprefix("kafka://").rstrip("/") for host in url.replace(";", ",").split(",")]
    return [host if ":" in host else f"{host}:9092" for host in hosts]


@dataclass(frozen=True, slots=True)
class KafkaAccess:
    """What every client of the brokers is given.

    `ca`: a PEM file of the authorities to trust, in place of the system's; `certificate` and `key`:
    PEM files of a client that shows one of its own. `copies`: of each topic, 0 where the brokers
    decide; all but one of them must be in sync, or nothing is taken.
    """

    protocol: str = "PLAINTEXT"
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    mechanism: str = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    copies: int = 0

    @classmethod
    def read(cls) -> KafkaAccess:
        """From `KETAVIGIL_KAFKA_*`; the password also from the file that `PASSWORD_FILE` names.

        Raises `InputError`: "kafka_protocol", "kafka_mechanism", "kafka_credentials" (a user or a
        password is missing, or nobody asks for it), "kafka_copies", "no_such_file".
        """
        protocol = _one_of("PROTOCOL", PROTOCOLS, "PLAINTEXT")
        user, password = _given("USER"), _given("PASSWORD")
        if (path := _file("PASSWORD_FILE")) is not None:
            password = path.read_text(encoding="utf-8").strip()
        if protocol.startswith("SASL") != bool(user) or bool(user) != bool(password):
            raise InputError(
                "kafka_credentials",
                f"{ENVIRONMENT}USER and {ENVIRONMENT}PASSWORD (or PASSWORD_FILE) are given"
                f" with the protocols SASL_SSL and SASL_PLAINTEXT; this one is {protocol}",
            )
        copies = _given("COPIES") or "0"
        if not copies.isdecimal():
            raise InputError("kafka_copies", f"{ENVIRONMENT}COPIES is a number, not {copies!r}")
        return cls(
            protocol=protocol,
            ca=_file("CA"),
            certificate=_file("CERTIFICATE"),
            key=_file("KEY"),
            mechanism=_one_of("MECHANISM", MECHANISMS, "SCRAM-SHA-512"),
            user=user,
            password=password,
            copies=int(copies),
        )

    @property
    def in_sync(self) -> int:
        """How many copies must have a message before it is confirmed.

        >>> [KafkaAccess(copies=copies).in_sync for copies in (1, 2, 3)]
        [1, 1, 2]
        """
        return max(self.copies - 1, 1)

    def context(self) -> ssl.SSLContext | None:
        """Of TLS, where it is spoken. Raises `InputError` ("kafka_certificate")."""
        if not self.protocol.endswith("SSL"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                "kafka_certificate", f"a certificate for Kafka cannot be used: {error}"
            ) from error
        return context

    def answering(self, hosts: Sequence[str]) -> list[str]:
        """Those of several brokers (host:port) that answer within two seconds; all where none does.

        Clients begin with any one of those they are given, and wait long for one that takes
        connections and says nothing.
        """
        if len(hosts) < 2:
            return list(hosts)
        context = self.context()
        with ThreadPoolExecutor(len(hosts), "kafka-asking") as asking:
            found = list(asking.map(lambda host: _answers(host, context), hosts))
        return [host for host, answers in zip(hosts, found, strict=True) if answers] or list(hosts)

    def client(self) -> dict[str, Any]:
        """The arguments of a client of kafka-python."""
        given: dict[str, Any] = {"security_protocol": self.protocol}
        if (context := self.context()) is not None:
            given["ssl_context"] = context
        if self.user:
            given |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return given

    def app(self) -> dict[str, Any]:
        """The settings of a Faust app."""
        from faust import SASLCredentials, SSLCredentials

        context = self.context()
        if self.user:
            credentials = SASLCredentials(
                username=self.user,
                password=self.password,
                mechanism=self.mechanism,
                ssl_context=context,
            )
            return {"broker_credentials": credentials}
        return {"broker_credentials": SSLCredentials(context)} if context else {}


def _answers(host: str, context: ssl.SSLContext | None) -> bool:
    """Whether a broker says which requests it knows, which it does before it asks who is there."""
    name, _, port = host.rpartition(":")
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(socket.create_connection((name, int(port)), _ANSWERING))
            plain.settimeout(_ANSWERING)
            asked = plain
            if context is not None:
                asked = stack.enter_context(context.wrap_socket(plain, server_hostname=name))
            asked.sendall(_API_VERSIONS)
            return bool(asked.recv(4))
    except (OSError, ValueError):
        return False


def _given(name: str) -> str:
    return os.environ.get(ENVIRONMENT + name, "")


def _one_of(name: str, known: tuple[str, ...], default: str) -> str:
    given = _given(name).upper() or default
    if given not in known:
        raise InputError(
            f"kafka_{name.lower()}", f"{ENVIRONMENT}{name} is one of {', '.join(known)}"
        )
    return given


def _file(name: str) -> Path | None:
    if not (given := _given(name)):
        return None
    path = Path(given)
    if not path.is_file():
        raise InputError("no_such_file", f"there is no file {path} ({ENVIRONMENT}{name})")
    return path
