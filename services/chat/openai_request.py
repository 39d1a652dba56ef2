"""What POST /v1/chat/completions takes. Pydantic at the edge.

A field that is not known is passed over, as the dialect grows by the month; one that is known, and asks for
what no model here does, is refused: an answer without the tool that was demanded would be a wrong one. Tools
that are only offered are left alone, as a model of the original may leave them; the headers say so.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from services.chat.relay import Completion
from services.common.inputs import ModelName
from services.common.language_models.provider import Message, Sampling

HOUSE_CHOICE = "default"
"""The model name for whatever the house has first."""


def _utf8(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a surrogate pair") from None
    return value


Text = Annotated[str, AfterValidator(_utf8)]
StopSequence = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_utf8)]
StopSequences = Annotated[list[StopSequence], Field(max_length=4)]


class _Part(BaseModel):
    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """`developer` is the newer word for `system`. Tools have no role here, since no model here calls any."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[_Part]

    @property
    def message(self) -> Message:
        parts = self.content
        content = parts if isinstance(parts, str) else "\n".join(part.text for part in parts)
        return Message("system" if self.role == "developer" else self.role, content)


class StreamOptions(BaseModel):
    include_usage: bool = False


class _TextFormat(BaseModel):
    type: Literal["text"]


def _may_be_left_alone(choice: object) -> object:
    if choice not in (None, "auto", "none"):
        raise ValueError("no model here calls a tool; leave the choice to it: auto or none")
    return choice


ToolChoice = Annotated[Any, AfterValidator(_may_be_left_alone)]


class CompletionRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")

    model: ModelName
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=2_000)]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None
    stop: StopSequence | StopSequences | None = None

    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    response_format: _TextFormat | None = None
    tools: list[Any] | None = None
    tool_choice: ToolChoice = None
    functions: list[Any] | None = None
    function_call: ToolChoice = None
    """The older words for the two fields before; only what these four demand can be refused."""

    @model_validator(mode="after")
    def _options_of_a_stream(self) -> "CompletionRequest":
        if self.stream_options is not None and not self.stream:
            raise ValueError("stream_options is only for stream=true")
        return self

    @property
    def include_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage

    @property
    def offers_tools(self) -> bool:
        """What is offered with `none` is not to be called at all, so nothing was left alone."""
        return bool(self.tools and self.tool_choice != "none") or bool(
            self.functions and self.function_call != "none"
        )

    @property
    def completion(self) -> Completion:
        return Completion(
            messages=[message.message for message in self.messages],
            model=None if self.model == HOUSE_CHOICE else self.model,
            sampling=Sampling(
                max_tokens=self.max_completion_tokens or self.max_tokens,
                temperature=self.temperature,
                top_p=self.top_p,
                seed=self.seed,
                frequency_penalty=self.frequency_penalty,
                presence_penalty=self.presence_penalty,
                stop=tuple([self.stop] if isinstance(self.stop, str) else self.stop or ()),
            ),
        )
