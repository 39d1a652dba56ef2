"""`python -m services.voice`: serves on HOST:PORT (127.0.0.1:8006)."""

import os


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy's pool spins beside the engines' own threads
    from services.common.serving import serve
    from services.voice.main import build_app

    app, settings = build_app()
    serve(
        app,
        settings,
        shutdown_seconds=settings.voice_shutdown_seconds,
        ws_max_size=settings.voice_socket_frame_max_bytes,
    )


if __name__ == "__main__":
    main()
