"""WebSockets of every service: the wire, why one is closed, how many are open. No service's own protocol."""
