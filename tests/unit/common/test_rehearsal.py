"""An endpoint is asked once before anybody does; nothing comes of it but that it is ready."""

import pytest
from fastapi import Depends
from fastapi.testclient import TestClient
from structlog.testing import capture_logs

from services.common.app import create_base_app
from services.common.auth import Principal, TokenVerifier, require_scope
from services.common.health import Readiness
from services.common.problems import Unauthorized
from services.common.rehearsal import rehearse
from services.common.settings import ServiceSettings
from tests.support.tokens import SECRET


class CountingVerifier(TokenVerifier):
    """Counts whom it turned away."""

    turned_away = 0

    async def verify(self, token: str) -> Principal:
        try:
            return await super().verify(token)
        except Unauthorized:
            self.turned_away += 1
            raise


async def _ready() -> Readiness:
    return Readiness(ready=True)


async def test_a_rehearsal_goes_as_far_as_the_token_and_leaves_no_trace() -> None:
    settings = ServiceSettings(jwt_secret=SECRET)
    app = create_base_app(settings, title="Test", service="test", readiness=_ready)
    done: list[str] = []

    @app.post("/work")
    async def work(_: Principal = Depends(require_scope())) -> None:
        done.append("work")

    with TestClient(app) as client, capture_logs() as logged:
        app.state.token_verifier = verifier = CountingVerifier(settings)
        await rehearse(app, ("POST", "/work"))
        assert verifier.turned_away == 1
        assert not done
        assert not logged
        assert "/work" not in client.get("/metrics").text


async def test_a_rehearsal_of_what_is_not_there_says_so() -> None:
    app = create_base_app(ServiceSettings(jwt_secret=SECRET), title="Test", service="test", readiness=_ready)
    with pytest.raises(Exception, match="Not Found"):
        await rehearse(app, ("POST", "/nowhere"))
