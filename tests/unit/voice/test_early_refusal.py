"""Where every place is taken, an upload is refused from its head; who may not upload hears that instead."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.common.admission import Deadline
from tests.support.tokens import bearer
from tests.support.voice_app import voice_app

UPLOADS = [
    ("/api/v1/voice/stt/transcribe", "audio"),
    ("/api/v1/voice/stt/jobs", "audio"),
    ("/v1/audio/transcriptions", "file"),
    ("/v1/audio/translations", "file"),
]


@pytest.fixture(name="full")
def full_fixture() -> Iterator[TestClient]:
    """Every place is taken, and nobody may wait."""
    app = voice_app(voice_stt_waiting_max=0).app
    with TestClient(app, headers=bearer("ann")) as client:
        admission = app.state.upload_admission
        assert client.portal is not None
        while not admission.full:
            client.portal.call(admission.enter, Deadline.after(60))
        yield client


def _upload(client: TestClient, path: str, field: str, **more: Any) -> Any:
    return client.post(path, files={field: ("a.wav", b"RIFF")}, **more)


@pytest.mark.parametrize(("path", "field"), UPLOADS)
def test_an_upload_is_refused_as_its_endpoint_would_refuse_it(
    full: TestClient, path: str, field: str
) -> None:
    early = _upload(full, path, field)
    late = _upload(full, f"{path}/", field, follow_redirects=False)
    assert early.status_code == 503
    assert int(early.headers["retry-after"]) >= 1
    assert early.headers["x-request-id"]
    assert late.status_code != 503, "only the address itself is guarded"
    told = early.json()
    if path.startswith("/v1/"):
        assert told["error"]["code"] == "overloaded"
    else:
        assert (told["type"], told["instance"], told["queue"]) == ("/problems/overloaded", path, "uploads")
    assert f'route="{path}",status="503"' in full.get("/metrics").text


@pytest.mark.parametrize(("path", "field"), UPLOADS)
def test_who_may_not_upload_hears_that_and_not_that_it_is_full(
    full: TestClient, path: str, field: str
) -> None:
    assert _upload(full, path, field, headers={"Authorization": ""}).status_code == 401
    assert _upload(full, path, field, headers=bearer("ann", ("chat",))).status_code == 403


def test_what_is_no_upload_is_served_while_uploads_are_refused(full: TestClient) -> None:
    assert full.get("/api/v1/voice/models/status").status_code == 200
    assert full.get("/api/v1/voice/stt/transcribe").status_code == 405
