"""Which ports are free. The public one is the user's choice; the inner ones give way when they are taken."""

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psutil

LOOPBACK = "127.0.0.1"


class PortTaken(Exception):
    """Somebody else has the port, or is about to."""


@contextmanager
def reserved(port: int) -> Iterator[None]:
    """Keeps a port for the gateway, from a start's first moment until its end. Raises PortTaken.

    Caddy shares its port with whoever asks for the same (SO_REUSEPORT): of two suites that started at the
    same time, each would have had half of both's requests. Bound as if alone, then open to Caddy; never
    listening, so that no request ever waits here.
    """
    with socket.socket() as keeper:
        try:
            _bind(keeper, port)
        except OSError as exc:
            raise PortTaken(f"Port {port} is taken.") from exc
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield


def is_free(port: int) -> bool:
    """Whether one may listen there. A port in TIME_WAIT counts as free, as it does for the servers."""
    with socket.socket() as probe:
        try:
            _bind(probe, port)
        except OSError:
            return False
    return True


def _bind(one: socket.socket, port: int) -> None:
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((LOOPBACK, port))


def choose(preferred: int, taken: Iterable[int] = ()) -> int:
    """The preferred port, or one that the system gives where somebody else has it."""
    if preferred not in set(taken) and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Who listens on the port, such as `nginx (pid 812)`; None where the system does not tell."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,)
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        return None
    return None


def bindable_loopbacks() -> tuple[str, ...]:
    """The loopback addresses of this machine; ::1 is missing where IPv6 is switched off."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            return (LOOPBACK,)
    return (LOOPBACK, "::1")
