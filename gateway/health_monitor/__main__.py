"""`python -m gateway.health_monitor`: the monitor as a service, on HOST:PORT (127.0.0.1:8010)."""

from gateway.health_monitor.app import SERVICE, create_app
from gateway.health_monitor.settings import MonitorSettings
from services.common.serving import serve
from services.common.settings import load_settings
from services.common.telemetry import configure_logging

_SHUTDOWN_SECONDS = 5


def main() -> None:
    settings = load_settings(MonitorSettings)
    configure_logging(SERVICE, settings.log_level)
    serve(create_app(settings), settings, shutdown_seconds=_SHUTDOWN_SECONDS)


if __name__ == "__main__":
    main()
