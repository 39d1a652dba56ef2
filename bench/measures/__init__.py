"""One module for each promise that is measured; each gives rows for the table."""
