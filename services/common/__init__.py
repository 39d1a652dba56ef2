"""What every Parley service shares: identity, problems, settings, telemetry, health, breaker, admission."""
