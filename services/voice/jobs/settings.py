"""Settings of jobs, for the voice service and its workers alike."""

from pathlib import Path

from pydantic import Field

from services.common.redis_settings import RedisSettings
from services.voice.jobs.records import JobLimits


class JobSettings(RedisSettings):
    voice_jobs_dir: Path = Path(".parley/jobs")
    """Where uploads wait. The voice service and all workers must see the same folder."""
    voice_jobs_per_user: int = Field(default=20, ge=1)
    """Jobs of one user that are queued or running; one more is refused with 429."""
    voice_jobs_open_max: int = Field(default=1_000, ge=1)
    """Of all users; one more is refused with 503."""
    voice_jobs_result_hours: float = Field(default=24.0, gt=0)
    """How long an ended job can be fetched."""
    voice_jobs_piece_seconds: float = Field(default=45.0, ge=5, le=600)
    """About how much audio a killed worker costs; cut at silence."""
    voice_jobs_at_a_time: int = Field(default=1, ge=1, le=64)
    """Jobs that one worker has under way. More of them wait for the same engine."""
    voice_jobs_nice: int = Field(default=10, ge=0, le=19)
    """How far a worker stands back where others want the cores: nobody waits for a job as for an answer."""
    voice_jobs_lease_seconds: float = Field(default=12.0, ge=1)
    """A worker that was silent for so long has lost its job to another one."""
    voice_jobs_attempts_max: int = Field(default=5, ge=1)
    """Of one piece. A file that ends every worker must not go round for ever."""
    voice_jobs_engine_pause_seconds: float = Field(default=30.0, gt=0)
    """Between these attempts, where no engine can take the piece: longer in all than a breaker's rest."""
    voice_jobs_decode_seconds: float = Field(default=900.0, gt=0)
    voice_jobs_piece_deadline_seconds: float = Field(default=900.0, gt=0)

    @property
    def job_limits(self) -> JobLimits:
        return JobLimits(
            per_user=self.voice_jobs_per_user,
            open_max=self.voice_jobs_open_max,
            result_seconds=self.voice_jobs_result_hours * 3600,
            lease_seconds=self.voice_jobs_lease_seconds,
            attempts_max=self.voice_jobs_attempts_max,
        )
