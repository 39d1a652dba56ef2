"""Settings of the agent. Units are in the names, bounds beside the defaults."""

from pydantic import Field

from services.agent.rules import AgentRules
from services.common.blue_green import Colour
from services.common.language_models.settings import LanguageModelSettings
from services.common.redis_settings import RedisSettings

_SERVICE_NAMES = {Colour.BLUE: "learning-service", Colour.GREEN: "langgraph-enhanced-service"}


class AgentSettings(RedisSettings, LanguageModelSettings):
    port: int = Field(default=8030, ge=0, le=65535)
    colour: Colour = Colour.GREEN
    """Which of the two this process is; the active one serves (services/common/blue_green.py)."""

    agent_system_prompt: str = (
        "You are a careful assistant. Answer the question itself, briefly and to the point."
    )
    agent_revisions_max: int = Field(default=2, ge=0, le=2)
    """How often a draft that was turned down is written anew."""
    agent_check_with_model: bool = True
    """Whether a draft that passes the rules is also read by the model; it costs a short answer of it."""
    agent_recent_exchanges: int = Field(default=6, ge=0, le=100)
    """The newest questions and answers, which a draft always sees."""
    agent_recalled_exchanges: int = Field(default=3, ge=0, le=20)
    """Older ones that bear on the question."""
    agent_node_attempts_max: int = Field(default=3, ge=1, le=10)
    agent_retry_seconds: float = Field(default=0.25, gt=0)
    """Before the second attempt; doubled before each further one."""

    agent_thread_ttl_days: float = Field(default=30.0, gt=0)
    """A thread goes when it was not used for so long."""
    agent_lease_seconds: float = Field(default=6.0, gt=1)
    """A run whose process was silent for so long has given up its thread."""
    agent_runs_running_max: int = Field(default=8, ge=1)
    agent_runs_waiting_max: int = Field(default=32, ge=0)
    agent_runs_per_user: int = Field(default=4, ge=1)
    """At a time, on this process."""
    agent_deadline_seconds: float = Field(default=300.0, gt=0)
    """For a whole run; also the most that X-Request-Timeout may ask for."""
    agent_shutdown_seconds: int = Field(default=30, ge=1)
    """How long open streams have to end after SIGTERM."""
    agent_body_max_bytes: int = Field(default=256 << 10, ge=1 << 16)

    @property
    def service_name(self) -> str:
        return _SERVICE_NAMES[self.colour]

    @property
    def rules(self) -> AgentRules:
        return AgentRules(
            system_prompt=self.agent_system_prompt,
            revisions_max=self.agent_revisions_max,
            check_with_model=self.agent_check_with_model,
            recent_exchanges=self.agent_recent_exchanges,
            recalled_exchanges=self.agent_recalled_exchanges,
            node_attempts_max=self.agent_node_attempts_max,
            retry_seconds=self.agent_retry_seconds,
        )
