"""Text to speech: split into sentences, speak each through the chain, encode, stream."""
