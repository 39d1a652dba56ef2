"""The gateway: one routing file, the Caddyfile rendered from it."""
