"""Language models: the seam that providers fill (`provider.py`), and the chain over them (`chain.py`)."""
