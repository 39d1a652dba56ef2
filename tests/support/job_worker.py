"""A worker whose engine says what it is told to; in the test's process, or one that can be killed.

`python -m tests.support.job_worker`: each piece that it begins to hear is a line in the file HEARD, and takes
PIECE_SECONDS.
"""

import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from services.common.metrics import new_registry
from services.common.serving import serve
from services.common.settings import load_settings
from services.voice.engines import Availability
from services.voice.media.decoding import DecodeLimits
from services.voice.settings import VoiceSettings
from services.voice.transcription.engine import Utterance
from services.voice.worker import WorkerParts, WorkerSettings, create_worker_app
from tests.support.serving import serving
from tests.support.voice_app import LoudnessEar, ScriptedRecogniser, scripted_transcription

_LIMITS = DecodeLimits(4 * 3600.0, 8)


def scripted_parts(settings: VoiceSettings, whisper: ScriptedRecogniser) -> WorkerParts:
    vosk = ScriptedRecogniser("vosk", None, missing=Availability(False, "no_model", "No Vosk model."))
    return WorkerParts(
        scripted_transcription(settings, (vosk, whisper)),
        LoudnessEar(_LIMITS, workers=2, decode_seconds=60.0),
        new_registry(),
    )


@asynccontextmanager
async def working(settings: VoiceSettings, whisper: ScriptedRecogniser) -> AsyncIterator[str]:
    """A worker in this process, for as long as the block lasts."""
    async with serving(create_worker_app(settings, scripted_parts(settings, whisper))) as url:
        yield url


def noting(file: Path, seconds: float) -> Callable[[Utterance], object]:
    def hear(utterance: Utterance) -> None:
        with file.open("a") as notes:
            notes.write(f"{os.getpid()} {utterance.duration_seconds:.2f}\n")
        time.sleep(seconds)

    return hear


async def job_of(client: httpx.AsyncClient, job_id: str) -> dict[str, Any]:
    reply = await client.get(f"/api/v1/voice/stt/jobs/{job_id}")
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def main() -> None:
    settings = load_settings(WorkerSettings)
    hearing = noting(Path(os.environ["HEARD"]), float(os.environ["PIECE_SECONDS"]))
    whisper = ScriptedRecogniser("whisper", "whisper-test", hearing=hearing)
    serve(create_worker_app(settings, scripted_parts(settings, whisper)), settings, shutdown_seconds=5)


if __name__ == "__main__":
    main()
