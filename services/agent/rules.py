"""How the agent's graph behaves. Out of the settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AgentRules:
    """`node_attempts_max`: of one node, the first attempt included; `retry_seconds`: before the second."""

    system_prompt: str = "You are a careful assistant."
    revisions_max: int = 2
    check_with_model: bool = True
    recent_exchanges: int = 6
    recalled_exchanges: int = 3
    node_attempts_max: int = 3
    retry_seconds: float = 0.25
