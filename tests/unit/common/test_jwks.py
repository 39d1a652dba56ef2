"""Tokens signed elsewhere: keys are fetched once, rotated, and never fetched at a stranger's pace."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jose import jwk, jwt

from services.common.auth.verifier import TokenVerifier
from services.common.problems import ServiceUnavailable, Unauthorized
from services.common.settings import ServiceSettings
from tests.support.clock import FakeClock
from tests.support.tokens import SECRET, claims, forge

URL = "http://identity.test/keys"


class KeySource:
    """An identity provider's key set, which counts how often it is asked and can be away."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = []
        self.asked = 0
        self.away = False

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def publish(self, key_id: str, private: Any, algorithm: str) -> None:
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        public = jwk.construct(pem, algorithm).to_dict()
        self.keys.append({**public, "kid": key_id, "use": "sig"})

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(500) if self.away else httpx.Response(200, json={"keys": self.keys})


def _verifier(source: KeySource, clock: Callable[[], float], **settings: Any) -> TokenVerifier:
    chosen = ServiceSettings(jwt_jwks_url=URL, **settings)
    return TokenVerifier(chosen, client=source.client(), clock=clock)


def _sign(private: Any, algorithm: str, key_id: str | None = "one") -> str:
    headers = {} if key_id is None else {"kid": key_id}
    return str(jwt.encode(claims(time.time()), _pem(private), algorithm=algorithm, headers=headers))


def _pem(private: Any) -> str:
    raw: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return raw.decode()


@pytest.fixture(name="source")
def source_fixture() -> KeySource:
    return KeySource()


@pytest.fixture(name="clock")
def clock_fixture() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module", name="rsa_key")
def rsa_key_fixture() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def test_an_rs256_token_of_a_published_key_is_let_in(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    principal = await _verifier(source, clock).verify(_sign(rsa_key, "RS256"))
    assert principal.subject == "ann"


async def test_an_es256_token_of_a_published_key_is_let_in(source: KeySource, clock: FakeClock) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    source.publish("one", private, "ES256")
    assert (await _verifier(source, clock).verify(_sign(private, "ES256"))).subject == "ann"


async def test_keys_are_fetched_once_while_they_are_fresh(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock)
    for _ in range(5):
        await verifier.verify(_sign(rsa_key, "RS256"))
    assert source.asked == 1


async def test_a_rotated_key_is_found_without_a_restart(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock)
    await verifier.verify(_sign(rsa_key, "RS256"))
    source.publish("two", rsa_key, "RS256")
    clock.advance(11)
    assert (await verifier.verify(_sign(rsa_key, "RS256", "two"))).subject == "ann"


async def test_a_key_that_was_exchanged_or_withdrawn_no_longer_vouches_for_a_known_token(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock, jwt_jwks_cache_seconds=300)
    token = _sign(rsa_key, "RS256")
    await verifier.verify(token)
    source.keys.clear()
    source.publish("one", rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256")
    clock.advance(301)
    with pytest.raises(Unauthorized, match="signature"):
        await verifier.verify(token)
    source.keys.clear()
    clock.advance(301)
    with pytest.raises(Unauthorized, match="unknown"):
        await verifier.verify(token)


async def test_invented_key_ids_do_not_make_us_fetch_at_their_pace(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock)
    for number in range(8):
        with pytest.raises(Unauthorized):
            await verifier.verify(_sign(rsa_key, "RS256", f"invented-{number}"))
    assert source.asked == 1


async def test_known_keys_go_on_serving_while_the_source_is_away(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock)
    await verifier.verify(_sign(rsa_key, "RS256"))
    source.away = True
    clock.advance(3600)
    assert (await verifier.verify(_sign(rsa_key, "RS256"))).subject == "ann"
    assert source.asked == 2


async def test_without_any_keys_the_service_says_that_it_cannot_check(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.away = True
    with pytest.raises(ServiceUnavailable):
        await _verifier(source, clock).verify(_sign(rsa_key, "RS256"))


@pytest.mark.parametrize("key_id", [None, "two"], ids=["no kid", "kid of another type of key"])
async def test_a_token_that_names_no_fitting_key_is_refused(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey, key_id: str | None
) -> None:
    source.publish("one", rsa_key, "RS256")
    source.publish("two", ec.generate_private_key(ec.SECP256R1()), "ES256")
    with pytest.raises(Unauthorized):
        await _verifier(source, clock).verify(_sign(rsa_key, "RS256", key_id))


async def test_hs256_is_not_accepted_where_only_public_keys_are(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    with pytest.raises(Unauthorized):
        await _verifier(source, clock).verify(forge(claims(time.time()), {"alg": "HS256", "kid": "one"}))


async def test_a_secret_and_published_keys_serve_side_by_side(
    source: KeySource, clock: FakeClock, rsa_key: rsa.RSAPrivateKey
) -> None:
    source.publish("one", rsa_key, "RS256")
    verifier = _verifier(source, clock, jwt_secret=SECRET)
    assert (await verifier.verify(forge(claims(time.time()), {"alg": "HS256"}))).subject == "ann"
    assert (await verifier.verify(_sign(rsa_key, "RS256"))).subject == "ann"
