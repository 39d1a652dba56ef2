"""Calls Google Cloud Text-to-Speech through its client library's own stubs. Used by google.py alone.

The library's calls block until they are done. Its stubs can be asked for a future as well, which is what
lets a call be cancelled at Google's end when its caller goes. Imported only once the engine is loaded:
importing the library takes a second.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import google.auth.exceptions
import google.oauth2.credentials
import grpc
from google.cloud import texttospeech_v1 as tts
from google.oauth2 import service_account

from services.voice.engines import EngineFailed

DEFAULT_ENDPOINT = "texttospeech.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_POLL_SECONDS = 0.05
_READERS: dict[str, Callable[..., Any]] = {
    "service_account": service_account.Credentials.from_service_account_info,
    "authorized_user": google.oauth2.credentials.Credentials.from_authorized_user_info,
}
"""By the file's `type`. Others name programs to run and addresses to ask: not taken from a file unseen."""


class GoogleClient:
    """`credentials_file` None: no TLS and no credentials, for a server on this machine."""

    def __init__(self, endpoint: str, credentials_file: Path | None, *, timeout_seconds: float) -> None:
        self._transport: Any = _transport(endpoint, credentials_file)
        self._timeout_seconds = timeout_seconds

    def voices(self) -> Sequence[Any]:
        """Google's `Voice` messages. Raises EngineFailed."""
        request = tts.ListVoicesRequest()
        return list(self._call(self._transport.list_voices, request, threading.Event()).voices)

    def speak(self, body: Mapping[str, object], cancelled: threading.Event) -> bytes:
        """`body` is a SynthesizeSpeechRequest; a WAV file for LINEAR16. Raises EngineFailed."""
        request = tts.SynthesizeSpeechRequest(body)
        return bytes(self._call(self._transport.synthesize_speech, request, cancelled).audio_content)

    def close(self) -> None:
        self._transport.close()

    def _call(self, stub: Any, request: Any, cancelled: threading.Event) -> Any:
        metadata = [tts.services.text_to_speech.transports.base.DEFAULT_CLIENT_INFO.to_grpc_metadata()]
        call = stub.future(request, timeout=self._timeout_seconds, metadata=metadata)
        ended = threading.Event()
        call.add_done_callback(lambda _: ended.set())
        while not ended.wait(_POLL_SECONDS):
            if cancelled.is_set():
                call.cancel()
                raise EngineFailed("cancelled")
        try:
            return call.result()
        except grpc.FutureCancelledError as exc:
            raise EngineFailed("unavailable", "the connection to Google was closed") from exc
        except grpc.RpcError as exc:
            raise EngineFailed(_reason(exc), "Google refused or failed") from exc


def _reason(error: Any) -> str:
    """gRPC's own word for the status: `unauthenticated`, `deadline_exceeded`, `resource_exhausted`."""
    return str(error.code().name).lower()


def _transport(endpoint: str, credentials_file: Path | None) -> Any:
    transport = tts.TextToSpeechClient.get_transport_class("grpc")
    if credentials_file is None:
        return transport(channel=grpc.insecure_channel(endpoint, [("grpc.enable_http_proxy", 0)]))
    return transport(host=endpoint, credentials=_credentials(credentials_file), always_use_jwt_access=True)


def _credentials(file: Path) -> Any:
    """A service account's key, or what `gcloud auth application-default login` writes. No network."""
    try:
        content = json.loads(file.read_text())
        read = _READERS[content["type"]]
        return read(content, scopes=_SCOPES)
    except (google.auth.exceptions.GoogleAuthError, KeyError, TypeError, ValueError, OSError) as exc:
        raise EngineFailed("no_credentials", f"{file.name} holds no Google credentials") from exc
