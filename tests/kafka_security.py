"""A broker that speaks TLS and asks for a password: its certificate, its users, its settings."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kafka_server import Security

USER = "ketavigil"
_MECHANISM = "SCRAM-SHA-512"
_SETTINGS = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
sasl.enabled.mechanisms={mechanism}
sasl.mechanism.inter.broker.protocol={mechanism}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{user}" password="{password}";
"""


@dataclass(frozen=True, slots=True)
class Secured:
    """What a broker is started with, and what a deployment is told to reach it."""

    broker: Security
    ca: Path
    password: str

    def environment(self, password_file: Path) -> dict[str, str]:
        """Of a deployment; the password goes to a file."""
        password_file.write_text(self.password + "\n")
        return {
            "KETAVIGIL_KAFKA_PROTOCOL": "SASL_SSL",
            "KETAVIGIL_KAFKA_MECHANISM": _MECHANISM,
            "KETAVIGIL_KAFKA_CA": str(self.ca),
            "KETAVIGIL_KAFKA_USER": USER,
            "KETAVIGIL_KAFKA_PASSWORD_FILE": str(password_file),
        }


def secured(folder: Path) -> Secured:
    """SASL_SSL with a certificate and a password that are made here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a broker of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    shown = certificate.public_bytes(pem)
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(shown)
    (folder / "broker.pem").write_bytes(private + shown)
    password = secrets.token_urlsafe(16)
    user = f"{_MECHANISM}=[name={USER},password={password}]"
    known = {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(folder / "ca.pem"),
        "sasl_mechanism": _MECHANISM,
        "sasl_plain_username": USER,
        "sasl_plain_password": password,
    }
    settings = _SETTINGS.format(folder=folder, mechanism=_MECHANISM, user=USER, password=password)
    broker = Security("SASL_SSL", settings, ("--add-scram", user), known)
    return Secured(broker, folder / "ca.pem", password)
