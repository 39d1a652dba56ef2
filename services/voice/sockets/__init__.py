"""WebSockets of the voice service: live recognition in two message formats, and spoken conversation."""
