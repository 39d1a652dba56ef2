"""HTTP: what the voice service takes and gives. Each endpoint is one call of a use case."""
