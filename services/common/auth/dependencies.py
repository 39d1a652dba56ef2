"""How a route asks for identity: `Annotated[Principal, Depends(require_scope("chat"))]`."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request

from services.common.auth.principal import Principal
from services.common.auth.verifier import TokenVerifier
from services.common.problems import Forbidden, Unauthorized


def require_scope(*any_of: str) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency: 401 without a good token, 403 without one of the scopes. No scopes: any good token."""

    async def authenticate(request: Request) -> Principal:
        verifier: TokenVerifier = request.app.state.token_verifier
        principal = await verifier.verify(bearer_token(request.headers.get("authorization")))
        if not principal.may(*any_of):
            raise Forbidden(f"The token lacks the scope {' or '.join(any_of)}.", required_scopes=list(any_of))
        return principal

    return authenticate


def bearer_token(authorization: str | None) -> str:
    """The credentials of an `Authorization: Bearer` header. Source: RFC 6750, 2.1."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("Send a token: Authorization: Bearer <jwt>.")
    return token.strip()
