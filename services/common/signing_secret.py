"""What may serve as an HS256 secret. Used by the settings, before anything starts."""

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509 import load_der_x509_certificate

MIN_SECRET_BYTES = 32
"""As long as HS256's hash. Source: RFC 7518, 3.2."""

_KEY_TEXT = re.compile(r"-----BEGIN |^(ssh-|ecdsa-|sk-)", re.MULTILINE)


def refuse_weak_secret(secret: str) -> None:
    """Raises ValueError for a secret that is short, of one repeated character, or really a key.

    A public key is published: whoever has it could sign tokens (the algorithm-confusion attack).
    Source: CVE-2024-33663 (PEM and OpenSSH); python-jose 3.5 still takes DER.
    """
    raw = secret.encode()
    if len(raw) < MIN_SECRET_BYTES:
        raise ValueError(f"has {len(raw)} bytes, needs at least {MIN_SECRET_BYTES}")
    if len(set(raw)) < 8:
        raise ValueError("repeats itself; use a random value, such as 64 hexadecimal digits")
    if is_key_material(raw):
        raise ValueError("is a public or private key, not a secret; publish keys through JWT_JWKS_URL")


def is_key_material(raw: bytes) -> bool:
    """Whether this is a key or certificate: PEM, OpenSSH, DER, or DER in base64 or hexadecimal."""
    text = raw.decode("latin-1").strip()
    return bool(_KEY_TEXT.search(text)) or any(_is_der(candidate) for candidate in _decodings(raw, text))


def _decodings(raw: bytes, text: str) -> Iterator[bytes]:
    yield raw
    with suppress(binascii.Error):
        yield b64decode(text, validate=True)
    with suppress(ValueError):
        yield bytes.fromhex(text)


def _is_der(raw: bytes) -> bool:
    for load in (load_der_public_key, load_der_x509_certificate):
        try:
            load(raw)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            continue
        return True
    return False
