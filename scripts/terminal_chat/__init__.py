"""A terminal client of the chat service, over its WebSocket. Behind ./scripts/chat."""
