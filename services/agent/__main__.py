"""`python -m services.agent`: serves on HOST:PORT (127.0.0.1:8030), as COLOUR (green)."""

from services.agent.main import build_app
from services.common.serving import serve


def main() -> None:
    app, settings = build_app()
    serve(app, settings, shutdown_seconds=settings.agent_shutdown_seconds)


if __name__ == "__main__":
    main()
