"""Settings of the chat service. Units are in the names, bounds beside the defaults."""

from pydantic import Field

from services.chat.generation import GenerationRules
from services.chat.sockets.rules import SocketRules
from services.chat.store.records import StoreLimits
from services.common.language_models.settings import LanguageModelSettings
from services.common.redis_settings import RedisSettings
from services.common.sockets.settings import SocketSettings


class ChatSettings(LanguageModelSettings, SocketSettings, RedisSettings):
    port: int = Field(default=8007, ge=0, le=65535)

    redis_watch_seconds: float = Field(default=0.5, gt=0)
    """How often readiness asks Redis."""

    chat_history_messages_max: int = Field(default=1_000, ge=10, le=100_000)
    """Messages kept of a session; older ones are dropped."""
    chat_history_ttl_days: float = Field(default=30.0, gt=0)
    """A session goes when it was not used for so long."""
    chat_sessions_max: int = Field(default=1_000, ge=1)
    """Sessions of one user."""
    chat_reply_ttl_seconds: float = Field(default=3600.0, ge=60)
    """How long after its end a reply's stream can be resumed."""
    chat_lease_seconds: float = Field(default=10.0, gt=1)
    """A reply whose writer was silent for so long has failed."""

    chat_messages_per_minute: int = Field(default=60, ge=1, le=60_000)
    chat_generations_per_user: int = Field(default=4, ge=1)
    chat_generations_running_max: int = Field(default=16, ge=1)
    """Replies written at a time, on this replica; the model server has its own queue."""
    chat_generations_waiting_max: int = Field(default=64, ge=0)
    chat_deadline_seconds: float = Field(default=300.0, gt=0)
    """For a whole reply; also the most that X-Request-Timeout may ask for."""
    chat_store_patience_seconds: float = Field(default=1.0, ge=0)
    """How long Redis may be away in mid-reply before the reply is given up."""
    chat_shutdown_seconds: int = Field(default=20, ge=1)
    chat_body_max_bytes: int = Field(default=4 << 20, ge=1 << 16)
    chat_system_prompt: str = "You are a helpful assistant. Answer briefly and to the point."
    """Empty: none."""

    chat_sockets_max: int = Field(default=10_000, ge=1)
    chat_sockets_per_user: int = Field(default=64, ge=1)
    """On one replica."""
    chat_socket_idle_seconds: float = Field(default=1800.0, gt=0)
    """Without a frame from the client or a reply under way."""
    chat_socket_frames_per_second: float = Field(default=30.0, gt=0)
    chat_socket_frames_burst: int = Field(default=50, ge=1)
    chat_socket_bad_frames_max: int = Field(default=10, ge=1)
    chat_socket_replies_max: int = Field(default=16, ge=1)
    """Being delivered over one socket at a time."""
    chat_socket_send_seconds: float = Field(default=10.0, gt=0)
    """A client that has read nothing for so long is given up."""
    voice_url: str = "http://127.0.0.1:8006"
    """Whose speech models stand after ours in GET /v1/models."""
    chat_speech_models_seconds: float = Field(default=1.0, gt=0)
    """The list does without them after that."""
    chat_ticket_seconds: float = Field(default=30.0, gt=0, le=300)

    @property
    def store_limits(self) -> StoreLimits:
        return StoreLimits(
            history_messages_max=self.chat_history_messages_max,
            history_ttl_seconds=self.chat_history_ttl_days * 24 * 3600,
            sessions_max=self.chat_sessions_max,
            reply_ttl_seconds=self.chat_reply_ttl_seconds,
            lease_seconds=self.chat_lease_seconds,
            messages_per_minute=self.chat_messages_per_minute,
            generations_max=self.chat_generations_per_user,
        )

    @property
    def socket_rules(self) -> SocketRules:
        return SocketRules(
            idle_seconds=self.chat_socket_idle_seconds,
            leeway_seconds=self.jwt_leeway_seconds,
            frames_per_second=self.chat_socket_frames_per_second,
            frames_burst=self.chat_socket_frames_burst,
            bad_frames_max=self.chat_socket_bad_frames_max,
            send_seconds=self.chat_socket_send_seconds,
            deliveries_max=self.chat_socket_replies_max,
        )

    @property
    def generation_rules(self) -> GenerationRules:
        return GenerationRules(
            system_prompt=self.chat_system_prompt,
            deadline_seconds=self.chat_deadline_seconds,
            heartbeat_seconds=min(1.0, self.chat_lease_seconds / 4),
            store_patience_seconds=self.chat_store_patience_seconds,
            lease_seconds=self.chat_lease_seconds,
        )
