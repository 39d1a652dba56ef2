"""`python -m services.llm`: serves on HOST:PORT (127.0.0.1:8009) until SIGTERM or SIGINT.

`/health` answers 200 once the model is loaded. Without a model file it says how to get it, and exits with 2.
"""

import os
import signal
import sys
import threading
from typing import NoReturn

from services.common.settings import EXIT_CONFIGURATION, load_settings
from services.common.standing_back import stand_back
from services.common.telemetry import configure_logging, get_logger
from services.llm.settings import ModelServerSettings

SERVICE = "language-model-server"
EXIT_FAILED = 1


def main() -> None:
    settings = load_settings(ModelServerSettings)
    configure_logging(SERVICE)
    if not settings.model_file.is_file():
        _give_up(
            EXIT_CONFIGURATION,
            f"there is no {settings.model_file}; get it with: "
            f"python -m services.models pull {settings.model_name}",
        )
    stand_back(settings.llm_nice)
    from services.llm.server import ServerFailed, start_server  # native code, only for who gets so far

    try:
        server = start_server(settings)
    except ServerFailed as failure:
        _give_up(EXIT_FAILED, f"llama.cpp did not start {failure}")
    get_logger().info(
        "serving",
        address=server.listening_address,
        model=settings.model_name,
        context_tokens=settings.llm_context_tokens,
        slots=settings.llm_slots,
    )
    _until_told_to_end()
    _end_by_force_after(settings.llm_shutdown_seconds)
    del server


def _give_up(code: int, reason: str) -> NoReturn:
    sys.stderr.write(f"refusing to start: {reason}\n")
    raise SystemExit(code)


def _until_told_to_end() -> None:
    """Handlers stand only from here on: while the model loads, the signals end the process at once."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    told.wait()


def _end_by_force_after(seconds: float) -> None:
    """llama.cpp waits for answers under way, however long they are."""
    timer = threading.Timer(seconds, os._exit, (0,))
    timer.daemon = True
    timer.start()


if __name__ == "__main__":
    main()
