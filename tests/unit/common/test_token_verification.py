"""A token is let in only when it is exactly in order; whatever else it is gets a 401 that says why."""

import base64
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import Depends
from fastapi.testclient import TestClient

from services.common.app import create_base_app
from services.common.auth import Principal, TokenVerifier, require_scope
from services.common.auth.checked_tokens import CheckedToken, CheckedTokens
from services.common.health import Readiness
from services.common.problems import Unauthorized
from services.common.settings import ServiceSettings
from tests.support.tokens import SECRET, bearer, claims, forge

NOW = 1_800_000_000.0
HS256 = {"alg": "HS256", "typ": "JWT"}
GOOD = forge(claims(NOW), HS256)
_PUBLIC_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()


@pytest.fixture(scope="module", name="client")
def client_fixture() -> Iterator[TestClient]:
    """A service that takes HS256, with one route for any token and one that wants a scope."""

    async def ready() -> Readiness:
        return Readiness(ready=True)

    settings = ServiceSettings(jwt_secret=SECRET)
    app = create_base_app(settings, title="Test", service="test", readiness=ready)

    @app.get("/me")
    async def me(principal: Principal = Depends(require_scope())) -> str:
        return principal.subject

    @app.get("/chat")
    async def chat(principal: Principal = Depends(require_scope("chat"))) -> str:
        return principal.subject

    with TestClient(app) as client:
        app.state.token_verifier = TokenVerifier(settings, now=lambda: NOW)
        yield client


def _status_with(client: TestClient, token: str, path: str = "/me") -> int:
    return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def _public(encoding: Encoding, form: PublicFormat) -> bytes:
    return _PUBLIC_KEY.public_bytes(encoding, form)


def _edited(token: str) -> str:
    header, _, signature = token.split(".")
    payload = base64.urlsafe_b64encode(b'{"sub":"root"}').rstrip(b"=").decode()
    return f"{header}.{payload}.{signature}"


REFUSED = {
    "no token at all": "",
    "not a token": "hello",
    "two parts": GOOD.rsplit(".", 1)[0],
    "alg none": forge(claims(NOW), {"alg": "none"}).rsplit(".", 1)[0] + ".",
    "alg none, spelt otherwise": forge(claims(NOW), {"alg": "nOnE"}).rsplit(".", 1)[0] + ".",
    "alg missing": forge(claims(NOW), {"typ": "JWT"}),
    "alg a list": forge(claims(NOW), {"alg": ["HS256"]}),
    "another HMAC": forge(claims(NOW), {"alg": "HS512"}),
    "RS256 without a key source": forge(claims(NOW), {"alg": "RS256", "kid": "1"}),
    "HS256 with a PEM public key": forge(
        claims(NOW), HS256, _public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with a DER public key": forge(
        claims(NOW), HS256, _public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ),
    "HS256 with an OpenSSH public key": forge(
        claims(NOW), HS256, _public(Encoding.OpenSSH, PublicFormat.OpenSSH)
    ),
    "HS256 with an empty secret": forge(claims(NOW), HS256, b""),
    "edited": _edited(GOOD),
    "signature cut": GOOD[:-4],
    "expired": forge(claims(NOW, iat=int(NOW) - 7200, exp=int(NOW) - 60), HS256),
    "not yet valid": forge(claims(NOW, iat=int(NOW) + 600, exp=int(NOW) + 900), HS256),
    "nbf ahead": forge(claims(NOW, nbf=int(NOW) + 600), HS256),
    "without exp": forge(claims(NOW, exp=None), HS256),
    "without iat": forge(claims(NOW, iat=None), HS256),
    "without sub": forge(claims(NOW, sub=None), HS256),
    "without aud": forge(claims(NOW, aud=None), HS256),
    "without iss": forge(claims(NOW, iss=None), HS256),
    "aud of another": forge(claims(NOW, aud="other"), HS256),
    "aud a list without us": forge(claims(NOW, aud=["a", "b"]), HS256),
    "iss of another": forge(claims(NOW, iss="other"), HS256),
    "exp 1e308": forge(claims(NOW, exp=1e308), HS256),
    "exp a string": forge(claims(NOW, exp="2999-01-01"), HS256),
    "exp true": forge(claims(NOW, exp=True), HS256),
    "exp infinite": forge(
        b'{"sub":"ann","iss":"parley","aud":"parley","iat":%d,"exp":Infinity}' % int(NOW), HS256
    ),
    "lifetime of a century": forge(claims(NOW, exp=int(NOW) + 100 * 365 * 86400), HS256),
    "sub empty": forge(claims(NOW, sub=""), HS256),
    "sub a number": forge(claims(NOW, sub=7), HS256),
    "sub with a newline": forge(claims(NOW, sub="ann\nroot"), HS256),
    "scope a list": forge(claims(NOW, scope=["chat"]), HS256),
    "unknown crit": forge(claims(NOW), {**HS256, "crit": ["exp"], "exp": 1}),
    "empty crit": forge(claims(NOW), {**HS256, "crit": []}),
    "jku": forge(claims(NOW), {**HS256, "jku": "http://localhost/keys"}),
    "jwk": forge(claims(NOW), {**HS256, "jwk": {"kty": "oct", "k": "AA"}}),
    "x5u": forge(claims(NOW), {**HS256, "x5u": "http://localhost/cert"}),
    "another type": forge(claims(NOW), {"alg": "HS256", "typ": "dpop+jwt"}),
    "9 KB long": forge(claims(NOW, padding="x" * 9000), HS256),
    "payload not an object": forge([1, 2], HS256),
    "payload not JSON": forge(b"\xff\xfe", HS256),
    "header nested 2,000 deep": forge(claims(NOW), HS256).replace(
        GOOD.split(".", 1)[0], base64.urlsafe_b64encode(b"[" * 2000).rstrip(b"=").decode()
    ),
    "payload nested 5,000 deep": forge(b"[" * 5000 + b"]" * 5, HS256),
}


@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED.keys())
def test_a_token_that_is_not_in_order_is_refused_with_401(client: TestClient, token: str) -> None:
    reply = client.get("/me", headers={"Authorization": f"Bearer {token}"})
    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert reply.json()["type"] == "/problems/unauthorized"
    assert token not in reply.text or not token


ACCEPTED = {
    "as issued": GOOD,
    "aud a list with us": forge(claims(NOW, aud=["other", "parley"]), HS256),
    "without typ": forge(claims(NOW), {"alg": "HS256"}),
    "an access token": forge(claims(NOW), {"alg": "HS256", "typ": "at+jwt"}),
    "expired within the leeway": forge(claims(NOW, iat=int(NOW) - 100, exp=int(NOW) - 5), HS256),
    "a clock slightly ahead of ours": forge(claims(NOW, iat=int(NOW) + 20), HS256),
}


@pytest.mark.parametrize("token", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_token_that_is_in_order_is_let_in(client: TestClient, token: str) -> None:
    assert _status_with(client, token) == 200


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", GOOD, "Bearer", "Bearer "])
def test_a_request_without_bearer_credentials_is_refused(
    client: TestClient, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert client.get("/me", headers=headers).status_code == 401


def test_a_missing_scope_is_forbidden_and_named(client: TestClient) -> None:
    reply = client.get("/chat", headers=bearer(scopes=("voice:transcribe",), now=NOW))
    assert reply.status_code == 403
    assert reply.json()["required_scopes"] == ["chat"]


def test_the_scope_that_is_asked_for_lets_in(client: TestClient) -> None:
    assert client.get("/chat", headers=bearer("bob", ("chat",), now=NOW)).json() == "bob"


async def test_a_known_token_is_judged_anew_at_each_request() -> None:
    now = [NOW]
    verifier = TokenVerifier(ServiceSettings(jwt_secret=SECRET), now=lambda: now[0])
    known = await verifier.verify(GOOD)
    assert await verifier.verify(GOOD) == known
    with pytest.raises(Unauthorized, match="signature"):
        await verifier.verify(_edited(GOOD))
    now[0] = known.expires_at + 3600
    with pytest.raises(Unauthorized, match="expired"):
        await verifier.verify(GOOD)
    await verifier.aclose()


def test_only_the_last_of_the_known_tokens_are_remembered() -> None:
    tokens = CheckedTokens(tokens_max=2)
    for name in ("one", "two", "one", "three"):
        tokens.add(name, CheckedToken({}, {"sub": name}, "key"))
    assert tokens.get("two") is None
    assert [found.claims["sub"] for name in ("one", "three") if (found := tokens.get(name))] == [
        "one",
        "three",
    ]
    assert len(tokens) == 2
