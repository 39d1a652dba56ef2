"""`python -m services.chat`: serves on HOST:PORT (127.0.0.1:8007)."""

from services.chat.main import build_app
from services.common.serving import serve


def main() -> None:
    app, settings = build_app()
    serve(app, settings, shutdown_seconds=settings.chat_shutdown_seconds)


if __name__ == "__main__":
    main()
