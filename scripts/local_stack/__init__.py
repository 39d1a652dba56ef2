"""Runs Parley on one machine: local processes, supervised. Behind ./scripts/up, down, status, token, demo."""
