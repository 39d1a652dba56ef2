"""A service account's key and a certificate for the loopback, made on the spot."""

import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

_EMAIL = "speaker@example-project.iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True)
class ServiceAccountKey:
    file: Path
    email: str
    public_pem: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """`file`: PEM, its own root."""

    file: Path
    server_credentials: Any


def service_account_key(folder: Path) -> ServiceAccountKey:
    """In the form in which Google hands them out."""
    key = _key()
    content = {
        "type": "service_account",
        "project_id": "example-project",
        "private_key_id": "1",
        "private_key": _private_pem(key).decode(),
        "client_email": _EMAIL,
        "client_id": "1",
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    file = folder / "service-account.json"
    file.write_text(json.dumps(content))
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return ServiceAccountKey(file, _EMAIL, public.decode())


def self_signed_certificate(folder: Path) -> Certificate:
    """For `localhost`, valid from yesterday until tomorrow."""
    key = _key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM)
    file = folder / "certificate.pem"
    file.write_bytes(pem)
    return Certificate(file, grpc.ssl_server_credentials([(_private_pem(key), pem)]))


def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _private_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
