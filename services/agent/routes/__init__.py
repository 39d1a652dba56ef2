"""The agent's routes: HTTP in, the use case's terms out."""
