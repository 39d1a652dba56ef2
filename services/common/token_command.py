"""`python -m services.common.token_command --user NAME`: a token, where the services' secret is at hand.

For containers, where the secret is a file that never leaves its volume. The token alone goes to standard
output.
"""

import argparse
import sys
import time
from collections.abc import Sequence

from services.common.auth import ALL_SCOPES, issue_token
from services.common.auth.token_arguments import add_token_arguments
from services.common.settings import ServiceSettings, load_settings

EXIT_NO_SECRET = 2


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="token", description="A token for one's own programs.")
    add_token_arguments(parser)
    asked = parser.parse_args(arguments)
    settings = load_settings(ServiceSettings)
    if settings.jwt_secret is None:
        sys.stderr.write("Tokens come from whoever publishes the keys at JWT_JWKS_URL, not from here.\n")
        return EXIT_NO_SECRET
    token = issue_token(
        settings.jwt_secret.get_secret_value(),
        subject=asked.user,
        scopes=asked.scope or ALL_SCOPES,
        lifetime_seconds=asked.ttl,
        now=time.time(),
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )
    sys.stdout.write(f"{token}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
