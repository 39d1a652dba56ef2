"""Speech to text: decode, decide the engine, transcribe, format."""
