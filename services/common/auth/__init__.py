"""Identity: who is asking, and what they may do. JWT, verified with python-jose plus what that leaves out."""

from services.common.auth.dependencies import require_scope
from services.common.auth.principal import ALL_SCOPES, Principal
from services.common.auth.tokens import issue_token
from services.common.auth.verifier import TokenVerifier

__all__ = ["ALL_SCOPES", "Principal", "TokenVerifier", "issue_token", "require_scope"]
