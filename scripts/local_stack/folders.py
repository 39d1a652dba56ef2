"""Where the local stack keeps what it needs: everything below `.parley/`, and the secret in `.env`."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class Folders:
    root: Path = ROOT

    @property
    def home(self) -> Path:
        return self.root / ".parley"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Sockets. Their paths are short on purpose: a unix socket's has at most 104 bytes on macOS."""
        return self.home / "run"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def valkey(self) -> Path:
        """The append-only file: all that is remembered."""
        return self.home / "valkey"

    @property
    def state(self) -> Path:
        return self.home / "state.json"

    @property
    def lock(self) -> Path:
        return self.home / "lock"

    @property
    def whereabouts(self) -> Path:
        return self.home / "whereabouts.env"

    @property
    def dotenv(self) -> Path:
        return self.root / ".env"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Only for this user: logs name users, and whoever reaches a socket controls what listens there."""
        for folder in (self.home, self.logs, self.run, self.valkey):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
