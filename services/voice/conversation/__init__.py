"""Spoken conversation: words to the chat service, its words back as speech, and what was heard of it."""
