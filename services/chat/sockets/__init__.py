"""The WebSocket: handshake, frames, limits. Raw ASGI, since a socket's size is its number of layers."""
