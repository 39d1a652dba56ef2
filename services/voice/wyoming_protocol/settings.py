"""Settings of the Wyoming servers."""

from pydantic import Field

from services.common.settings import ServiceSettings


class WyomingSettings(ServiceSettings):
    voice_wyoming: bool = True
    """Serve Wyoming where its package is installed and the ports are free."""
    voice_wyoming_host: str = "127.0.0.1"
    """Anybody who reaches it may use it: another address only behind a firewall."""
    voice_wyoming_stt_port: int = Field(default=10300, ge=0, le=65535)
    voice_wyoming_tts_port: int = Field(default=10200, ge=0, le=65535)
    voice_wyoming_connections_max: int = Field(default=16, ge=1)
    """Of each server."""
