"""Where conversations are kept: the seam (`seam.py`), its records, and the Redis adapter."""
