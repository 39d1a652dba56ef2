"""Settings of the monitor as a service. As a script it takes the same figures as flags."""

from pathlib import Path

from pydantic import Field

from services.common.settings import ServiceSettings


class MonitorSettings(ServiceSettings):
    port: int = Field(default=8010, ge=0, le=65535)
    gateway_routing_file: Path | None = None
    """None: the one that comes with the gateway."""
    gateway_monitor_interval_seconds: float = Field(default=30.0, gt=0)
    gateway_monitor_timeout_seconds: float = Field(default=2.0, gt=0)
    """A check that takes longer has failed."""
    gateway_monitor_failure_threshold: int = Field(default=5, ge=1)
    gateway_monitor_reset_timeout_seconds: float = Field(default=60.0, gt=0)
    redis_url: str | None = None
    """Where several monitors share what they know. None: this one watches by itself."""
    redis_timeout_seconds: float = Field(default=0.5, gt=0)
