"""Through the gateway a forged token gets 401, and one that lacks the scope 403."""

import base64
import os
import time
from collections.abc import Callable

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scripts.local_stack.secret import settings_of
from tests.support.audio_files import tone, wav
from tests.support.local_stack import LocalStack
from tests.support.tokens import claims, forge
from tests.support.voice_caller import STATUS, SYNTHESIZE, TRANSCRIBE, VoiceCaller

NOW = time.time()
HS256 = {"alg": "HS256", "typ": "JWT"}
PATHS = (STATUS, "/api/v1/voice/voices")
_PUBLIC_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
Forger = Callable[[bytes], str]
"""Makes a token, given the installation's own secret."""


def _signed(header: dict[str, object] | None = None, **changes: object) -> Forger:
    return lambda secret: forge(claims(NOW, **changes), {**HS256, **(header or {})}, secret)


def _with_public_key(encoding: Encoding, form: PublicFormat) -> Forger:
    return lambda _: forge(claims(NOW), HS256, _PUBLIC_KEY.public_bytes(encoding, form))


def _unsigned(_: bytes) -> str:
    return forge(claims(NOW), {"alg": "none"}, b"").rsplit(".", 1)[0] + "."


def _edited(secret: bytes) -> str:
    header, _, signature = forge(claims(NOW), HS256, secret).split(".")
    payload = base64.urlsafe_b64encode(b'{"sub":"root"}').rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


REFUSED: dict[str, Forger] = {
    "no JWT": lambda _: "let-me-in",
    "alg none": _unsigned,
    "HS256 with a PEM public key": _with_public_key(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "HS256 with a DER public key": _with_public_key(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "HS256 with an OpenSSH public key": _with_public_key(Encoding.OpenSSH, PublicFormat.OpenSSH),
    "edited": _edited,
    "expired": _signed(iat=int(NOW) - 7200, exp=int(NOW) - 60),
    "without exp": _signed(exp=None),
    "without aud": _signed(aud=None),
    "without iss": _signed(iss=None),
    "absurd exp": _signed(exp=1e308),
    "unknown crit": _signed({"crit": ["urn:example:mine"], "urn:example:mine": True}),
    "jku": _signed({"jku": "http://127.0.0.1:9/keys"}),
    "9 KB long": _signed(padding="x" * 9000),
}


@pytest.mark.parametrize("forger", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_is_not_in_order_opens_nothing(stack: LocalStack, forger: Forger) -> None:
    token = forger(_secret(stack))
    for path in PATHS:
        refused = httpx.get(f"{stack.base_url}{path}", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_without_a_token_nothing_is_opened(stack: LocalStack) -> None:
    assert [httpx.get(f"{stack.base_url}{path}").status_code for path in PATHS] == [401, 401]
    for path in (SYNTHESIZE, TRANSCRIBE):
        assert httpx.post(f"{stack.base_url}{path}").status_code == 401


def test_the_same_hand_makes_a_token_that_is_let_in(stack: LocalStack) -> None:
    """So that the refusals above are for what they are named after."""
    token = _signed()(_secret(stack))
    reply = httpx.get(f"{stack.base_url}{STATUS}", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 200


def test_a_missing_scope_is_forbidden_and_named(stack: LocalStack) -> None:
    with stack.client("ann", ["chat"]) as client:
        caller = VoiceCaller(client)
        replies = [caller.speak("Hello."), caller.hear(wav(tone(1.0)))]
    assert [reply.status_code for reply in replies] == [403, 403]
    assert [reply.json()["required_scopes"] for reply in replies] == [
        ["voice:synthesize"],
        ["voice:transcribe"],
    ]


def _secret(stack: LocalStack) -> bytes:
    secret = settings_of(stack.folders.dotenv, os.environ)["JWT_SECRET"]
    assert secret is not None
    return secret.encode()
