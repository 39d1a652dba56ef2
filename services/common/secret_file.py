"""`python -m services.common.secret_file`: makes the signing secret where there is none.

Runs once, in a container. The secret goes to PARLEY_SECRETS_DIR/jwt_secret, which only its owner may read;
never to a log.
"""

import os
import secrets
import sys
from pathlib import Path

SECRET_BYTES = 32
NAME = "jwt_secret"


def ensure_secret(folder: Path) -> bool:
    """Whether it was made now. Two at once make one: the file appears whole, under a name that is free."""
    path = folder / NAME
    if path.exists():
        return False
    draft = folder / f".{NAME}.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True


def main() -> None:
    folder = Path(os.environ["PARLEY_SECRETS_DIR"])
    made = ensure_secret(folder)
    sys.stdout.write(f"{folder / NAME}: {'made' if made else 'is there already, and stays'}\n")


if __name__ == "__main__":
    main()
