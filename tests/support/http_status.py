"""The status of a GET, for who asks again and again: an httpx client anew each time costs 20 ms of a core."""

import http.client
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 2.0


def status(url: str) -> int | None:
    """None where nobody answers."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=_PATIENCE_SECONDS)
    try:
        connection.request("GET", address.path or "/")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
