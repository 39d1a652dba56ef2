"""What OpenAI's names of models and voices mean here. Pure.

Programs have `whisper-1` and `tts-1` written into them: these stand for whatever serves here, and our own
names choose one engine.
"""

import re
from collections.abc import Iterable, Sequence

from services.common.problems import InvalidRequest, NotFound
from services.voice.synthesis.engine import Voice
from services.voice.synthesis.service import SynthesisService
from services.voice.transcription.engine_selection import Requested
from services.voice.transcription.service import TranscriptionService

_DATED = r"(-\d{4}-\d{2}-\d{2})?"
_WHISPER = re.compile(r"whisper-1")
_RECOGNISER = re.compile(rf"gpt-4o(-mini)?-transcribe{_DATED}|gpt-transcribe{_DATED}")
_SPEAKER = re.compile(rf"tts-1(-hd)?(-1106)?|gpt-4o-mini-tts{_DATED}")
RECOGNISER_NAMES = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe")
SPEAKER_NAMES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
VOICES = frozenset(
    "alloy ash ballad coral echo fable onyx nova sage shimmer verse marin cedar".split()  # noqa: SIM905
)
DEFAULT_VOICE = "default"


class ModelNotFound(NotFound):
    type, title = "/problems/model-not-found", "Model not found"


def recogniser(model: str, service: TranscriptionService) -> Requested:
    """`whisper-1` is Whisper where there is one; the newer names leave the choice to the house.

    Raises ModelNotFound.
    """
    if _WHISPER.fullmatch(model):
        whisper = service.hosts[Requested.WHISPER].engine
        return Requested.WHISPER if whisper.availability(None).available else Requested.AUTO
    if model == Requested.AUTO or _RECOGNISER.fullmatch(model):
        return Requested.AUTO
    for name, host in service.hosts.items():
        if model in {name, *_names(host.engine.model)}:
            return Requested(name)
    raise _unknown(model)


def speaker(model: str, service: SynthesisService) -> str | None:
    """The engine to ask; None for the chain. Raises ModelNotFound."""
    if _SPEAKER.fullmatch(model):
        return None
    for name, host in service.hosts.items():
        if model in {name, host.engine.model}:
            return name
    raise _unknown(model)


def voice(wanted: str, voices: Sequence[Voice]) -> Voice | None:
    """The voice of this id; for one of OpenAI's, our voice of the same name. None: the default voice.

    Raises InvalidRequest for any other name.
    """
    found = next((one for one in voices if wanted == one.id), None)
    if found or wanted == DEFAULT_VOICE:
        return found
    if wanted not in VOICES:
        raise InvalidRequest(
            "There is no voice of this name; GET /api/v1/voice/voices lists them.",
            errors=[{"field": "voice", "message": "No such voice"}],
        )
    return next((one for one in voices if one.name.lower() == wanted), None)


def model_ids(transcription: TranscriptionService, synthesis: SynthesisService) -> Sequence[str]:
    """What may stand in `model`, of engines that could serve now."""
    recognisers = [host.engine for host in transcription.hosts.values() if host.engine.model]
    speakers = [
        host.engine
        for host in synthesis.hosts.values()
        if host.engine.availability(DEFAULT_VOICE, "en").available
    ]
    return [
        *(RECOGNISER_NAMES if recognisers else ()),
        *_unique(name for engine in recognisers for name in _names(engine.model)),
        *(SPEAKER_NAMES if speakers else ()),
        *_unique(name for engine in speakers for name in (engine.model or engine.name, engine.name)),
    ]


def _names(model: str | None) -> Sequence[str]:
    """Vosk has a model for each language."""
    return [name.strip() for name in (model or "").split(",") if name.strip()]


def _unique(names: Iterable[str]) -> Sequence[str]:
    return list(dict.fromkeys(names))


def _unknown(model: str) -> ModelNotFound:
    """The name came from the client, but it is a model's name, and the original repeats it too."""
    shown = model if model.isprintable() and len(model) <= 64 else "of this name"
    return ModelNotFound(f"There is no model {shown} here; GET /v1/models lists them.")
