"""The agent's own problems."""

from services.common.problems import NotFound, ProblemError, ServiceUnavailable


class ThreadNotFound(NotFound):
    """A thread that never was, and another user's: nobody can tell the two apart."""

    title = "Thread not found"

    def __init__(self) -> None:
        super().__init__("There is no such thread.")


class ThreadBusy(ProblemError):
    """One run at a time: two would each forget what the other said."""

    type, title, status = "/problems/thread-busy", "Thread busy", 409

    def __init__(self) -> None:
        super().__init__("This thread is being answered at this moment. Try again when it is done.")


class NothingToResume(ProblemError):
    type, title, status = "/problems/nothing-to-resume", "Nothing to resume", 409

    def __init__(self) -> None:
        super().__init__("The last question of this thread has been answered.")


class ThreadsUnavailable(ServiceUnavailable):
    type, title = "/problems/threads-unavailable", "Threads unavailable"

    def __init__(self) -> None:
        super().__init__(
            "The store of the threads does not answer. Nothing was lost.",
            headers={"Retry-After": "1"},
            retry_after_seconds=1,
        )


class NoAnswer(ServiceUnavailable):
    """The model answered, every time with nothing."""

    type, title = "/problems/no-answer", "No answer"

    def __init__(self) -> None:
        super().__init__("The language model had nothing to say to this. Please ask in another way.")


class RunInterrupted(ServiceUnavailable):
    """The process is about to end, and could not wait for the answer."""

    type, title = "/problems/run-interrupted", "Run interrupted"

    def __init__(self) -> None:
        super().__init__(
            "The agent had to stop before there was an answer. Resume the thread to go on.",
            headers={"Retry-After": "1"},
            retry_after_seconds=1,
        )
