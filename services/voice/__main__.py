"""`python -m services.voice`: serves on HOST:PORT (127.0.0.1:8006)."""

import uvicorn

from services.voice.main import build_app


def main() -> None:
    app, settings = build_app()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # it prints the query string, and with it a token
        server_header=False,
        ws_max_size=65_536,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=settings.voice_shutdown_seconds,
    )


if __name__ == "__main__":
    main()
