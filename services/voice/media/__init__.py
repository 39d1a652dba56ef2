"""Audio files in: an upload of any container and codec FFmpeg reads becomes mono samples, within limits."""
