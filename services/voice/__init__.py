"""The voice service: speech to text and text to speech on :8006."""
