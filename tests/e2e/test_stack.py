"""The stack as a stranger finds it: reachable at one address, closed without a token."""

import httpx

from tests.support.local_stack import LocalStack


def test_the_gateway_is_open_only_where_it_says_so(stack: LocalStack) -> None:
    assert httpx.get(f"{stack.base_url}/health").status_code == 200
    assert httpx.get(f"{stack.base_url}/").status_code == 200
    assert httpx.get(f"{stack.base_url}/api/v1/voice/models/status").status_code == 401


def test_a_token_of_this_installation_opens_it(stack: LocalStack) -> None:
    with stack.client() as ann:
        status = ann.get("/api/v1/voice/models/status")
    assert status.status_code == 200
    assert status.headers["x-request-id"]


def test_no_token_reaches_a_log(stack: LocalStack) -> None:
    token = stack.token()
    refused = httpx.get(f"{stack.base_url}/api/v1/voice/voices", params={"token": token})
    accepted = httpx.get(
        f"{stack.base_url}/api/v1/voice/voices", headers={"Authorization": f"Bearer {token}"}
    )
    assert (refused.status_code, accepted.status_code) == (401, 200)
    signature = token.rsplit(".", 1)[1]
    assert not [log.name for log in stack.folders.logs.glob("*.log") if signature in log.read_text()]
