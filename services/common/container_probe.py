"""`python -m services.common.container_probe PORT`: a container's health check. Exit 0: healthy.

Until it was ready once, a container is asked whether it is ready: nothing is sent to it before, and an
update waits for it. From then on it is asked whether it is alive, since an orchestrator replaces what is
unhealthy, and a service whose Redis is away wants patience, not a restart. Who gets requests is the
gateway's to decide.
"""

import argparse
import http.client
import sys
from collections.abc import Sequence
from pathlib import Path

_MARK = Path("/tmp/.was-ready")  # noqa: S108 - a container's own, gone with it
_TIMEOUT_SECONDS = 4.0
_LIVE, _READY = "/health/live", "/health/ready"


def healthy(port: int, mark: Path = _MARK, *, first: str = _READY, then: str = _LIVE) -> bool:
    if not _answers(port, then if mark.exists() else first):
        return False
    mark.touch()
    return True


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="container_probe", description="A container's health check.")
    parser.add_argument("port", type=int)
    parser.add_argument("--first", default=_READY, metavar="PATH", help=f"until it was well once ({_READY})")
    parser.add_argument("--then", default=_LIVE, metavar="PATH", help=f"from then on ({_LIVE})")
    asked = parser.parse_args(arguments)
    return 0 if healthy(asked.port, first=asked.first, then=asked.then) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
