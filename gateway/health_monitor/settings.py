"""Settings of the monitor as a service; None is what the routing file says. As a script it has flags."""

from pathlib import Path

from pydantic import Field

from services.common.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    port: int = Field(default=8010, ge=0, le=65535)
    gateway_routing_file: Path | None = None
    """None: the one that comes with the gateway."""
    gateway_monitor_interval_seconds: float | None = Field(default=None, gt=0)
    gateway_monitor_timeout_seconds: float | None = Field(default=None, gt=0)
    """A check that takes longer has failed."""
    gateway_monitor_failure_threshold: int | None = Field(default=None, ge=1)
    gateway_monitor_reset_timeout_seconds: float | None = Field(default=None, gt=0)
    redis_url: str | None = None
    """Where several monitors share what they know. None: this one watches by itself."""
    redis_timeout_seconds: float = Field(default=0.5, gt=0)
