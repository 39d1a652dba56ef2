"""A service with a missing, short or public secret refuses to start, and names the variable."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from services.common.settings import ServiceSettings, load_settings

GOOD_SECRET = "5f" * 4 + "0123456789abcdef" * 4
_PUBLIC_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()


def _public(encoding: Encoding, form: PublicFormat) -> bytes:
    return _PUBLIC_KEY.public_bytes(encoding, form)


_DER = _public(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str | None) -> str:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.delenv("JWT_JWKS_URL", raising=False)
    if secret is not None:
        monkeypatch.setenv("JWT_SECRET", secret)
    with pytest.raises(SystemExit) as caught:
        load_settings(ServiceSettings)
    assert caught.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        (None, "JWT_SECRET is not set"),
        ("", "has 0 bytes"),
        ("x" * 31, "has 31 bytes"),
        ("x" * 64, "repeats itself"),
        (_public(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), "is a public or private key"),
        (_public(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(), "is a public or private key"),
        (base64.b64encode(_DER).decode(), "is a public or private key"),
        (_DER.hex(), "is a public or private key"),
    ],
    ids=["none", "empty", "short", "repeating", "pem", "openssh", "der in base64", "der in hex"],
)
def test_a_bad_secret_stops_the_start_and_is_named_but_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], secret: str | None, reason: str
) -> None:
    said = _refusal(monkeypatch, capsys, secret)
    assert "JWT_SECRET" in said
    assert reason in said
    assert not secret or secret not in said


def test_a_good_secret_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", GOOD_SECRET)
    settings = load_settings(ServiceSettings)
    assert settings.jwt_algorithms == ("HS256",)
    assert GOOD_SECRET not in repr(settings)


def test_settings_cannot_be_changed_once_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", GOOD_SECRET)
    settings = load_settings(ServiceSettings)
    with pytest.raises(ValidationError):
        setattr(settings, "port", 1)  # noqa: B010 — mypy knows better than to allow an assignment


def test_the_secret_may_come_from_a_file_as_containers_have_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("secrets")
    (folder / "jwt_secret").write_text(GOOD_SECRET + "\n")
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.setenv("PARLEY_SECRETS_DIR", str(folder))
    secret = load_settings(ServiceSettings).jwt_secret
    assert secret is not None
    assert secret.get_secret_value() == GOOD_SECRET


def test_a_port_out_of_range_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("JWT_SECRET", GOOD_SECRET)
    monkeypatch.setenv("PORT", "70000")
    with pytest.raises(SystemExit):
        load_settings(ServiceSettings)
    assert "PORT" in capsys.readouterr().err
