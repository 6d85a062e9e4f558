"""How Kafka is reached: what the environment says, and what of it is refused."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.log.kafka_access import ENVIRONMENT, KafkaAccess
from tests.kafka_security import secured


def given(monkeypatch: pytest.MonkeyPatch, **values: object) -> None:
    for name, value in values.items():
        monkeypatch.setenv(ENVIRONMENT + name, str(value))


def test_without_settings_nothing_is_encrypted_and_the_brokers_decide_how_many_copies() -> None:
    access = KafkaAccess.read()
    assert access == KafkaAccess()
    assert access.client() == {"security_protocol": "PLAINTEXT"}
    assert access.app() == {}
    assert access.copies == 0


def test_user_password_and_authority_reach_both_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = secured(tmp_path)
    for name, value in made.environment(tmp_path / "password").items():
        monkeypatch.setenv(name, value)
    access = KafkaAccess.read()
    client = access.client()
    context = client.pop("ssl_context")
    assert client == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ketavigil",
        "sasl_plain_password": made.password,
    }
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    credentials = access.app()["broker_credentials"]
    assert (credentials.username, credentials.password) == ("ketavigil", made.password)
    assert (credentials.protocol.value, credentials.mechanism.value) == (
        "SASL_SSL",
        "SCRAM-SHA-512",
    )


def test_a_client_can_show_a_certificate_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secured(tmp_path)
    both = tmp_path / "broker.pem"
    given(monkeypatch, PROTOCOL="ssl", CA=tmp_path / "ca.pem", CERTIFICATE=both, KEY=both)
    access = KafkaAccess.read()
    assert access.client()["security_protocol"] == "SSL"
    assert access.app()["broker_credentials"].protocol.value == "SSL"


def test_the_password_is_not_shown_with_the_access() -> None:
    assert "a secret" not in repr(KafkaAccess("SASL_SSL", user="ketavigil", password="a secret"))


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("kafka_protocol", {"PROTOCOL": "tls"}),
        ("kafka_mechanism", {"MECHANISM": "GSSAPI"}),
        ("kafka_credentials", {"PROTOCOL": "SASL_SSL"}),
        ("kafka_credentials", {"PROTOCOL": "SASL_SSL", "USER": "u"}),
        ("kafka_credentials", {"PROTOCOL": "SSL", "USER": "u", "PASSWORD": "p"}),
        ("kafka_credentials", {"USER": "u", "PASSWORD": "p"}),
        ("kafka_copies", {"COPIES": "many"}),
        ("no_such_file", {"PROTOCOL": "SSL", "CA": "/nowhere/ca.pem"}),
        ("no_such_file", {"PASSWORD_FILE": "/nowhere/password"}),
    ],
)
def test_what_cannot_be_used_is_refused(
    code: str, values: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, **values)
    with pytest.raises(InputError) as told:
        KafkaAccess.read()
    assert told.value.code == code


def test_a_file_that_is_no_certificate_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    given(monkeypatch, PROTOCOL="SSL", CA=tmp_path / "ca.pem")
    with pytest.raises(InputError) as told:
        KafkaAccess.read().client()
    assert told.value.code == "kafka_certificate"


@contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """host:port of what takes connections, and answers so; with no answer it says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError), closing(listener.accept()[0]) as client:
                client.recv(100)
                if answer:
                    client.sendall(answer)
                client.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_clients_begin_with_brokers_that_answer() -> None:
    with listening(b"\0\0\0\x10") as answers, listening(b"") as silent:
        hosts = [silent, "127.0.0.1:1", answers]
        assert KafkaAccess().answering(hosts) == [answers]


def test_where_no_broker_answers_or_there_is_but_one_none_is_left_out() -> None:
    assert KafkaAccess().answering(["127.0.0.1:1", "127.0.0.1:2"]) == ["127.0.0.1:1", "127.0.0.1:2"]
    assert KafkaAccess().answering(["127.0.0.1:1"]) == ["127.0.0.1:1"]
