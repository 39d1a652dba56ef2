"""Why we close a socket: the problem that its client is told, and the code it is closed with.

Source: RFC 6455, 7.4.1; IANA, WebSocket Close Code Number Registry.
"""

from enum import IntEnum

from services.common.problems import InvalidRequest, ProblemError, TooManyRequests, Unauthorized


class CloseCode(IntEnum):
    """1007 (bad UTF-8), 1009 (a frame too large) and 1012 (restart) are the protocol's own work."""

    UNSUPPORTED_DATA = 1003
    POLICY_VIOLATION = 1008
    INTERNAL_ERROR = 1011
    UNAUTHORIZED = 3000
    TIMEOUT = 3008


class IdleTooLong(ProblemError):
    type, title, status = "/problems/idle", "Idle too long", 408


class Farewell(Exception):
    def __init__(self, code: CloseCode, problem: ProblemError) -> None:
        super().__init__(problem.detail)
        self.code = code
        self.problem = problem


def binary_frame() -> Farewell:
    return Farewell(CloseCode.UNSUPPORTED_DATA, InvalidRequest("Frames here are text: one JSON object each."))


def flood() -> Farewell:
    problem = TooManyRequests("More frames a second than are taken here.", retry_after_seconds=1.0)
    return Farewell(CloseCode.POLICY_VIOLATION, problem)


def too_many_bad_frames() -> Farewell:
    problem = InvalidRequest("Too many frames in a row that are none of this protocol's.")
    return Farewell(CloseCode.POLICY_VIOLATION, problem)


def token_expired() -> Farewell:
    return Farewell(CloseCode.UNAUTHORIZED, Unauthorized("The token has expired."))


def idle() -> Farewell:
    problem = IdleTooLong("Nothing was asked for too long. Connect again, or send a ping now and then.")
    return Farewell(CloseCode.TIMEOUT, problem)


def internal_error() -> Farewell:
    problem = ProblemError("Something failed on our side. The request id finds it in the log.")
    return Farewell(CloseCode.INTERNAL_ERROR, problem)
