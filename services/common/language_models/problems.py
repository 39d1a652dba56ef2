"""What the language models' callers are told when there is no answer."""

from services.common.problems import InvalidRequest, NotFound, ServiceUnavailable, retry_after


class NoLanguageModel(ServiceUnavailable):
    """Every provider failed, or is not asked at the moment. `attempts`: why, by provider."""

    type, title = "/problems/no-language-model", "No language model"

    def __init__(self, attempts: dict[str, str], retry_after_seconds: float) -> None:
        headers, told = retry_after(retry_after_seconds)
        super().__init__(
            "No language model can answer right now. Please try again in a moment.",
            headers=headers,
            retry_after_seconds=told,
            attempts=attempts,
        )


class ModelNotFound(NotFound):
    type, title = "/problems/model-not-found", "Model not found"

    def __init__(self) -> None:
        super().__init__("There is no model of this name here. GET /api/v1/models lists those there are.")


class ContextExceeded(InvalidRequest):
    """Even the newest message alone, with the system prompt, is more than the model can read."""

    type, title = "/problems/context-length-exceeded", "Too long for the model"

    def __init__(self, **members: int) -> None:
        super().__init__(
            "The text is longer than the model can read at once. Shorten it.", headers={}, **members
        )
