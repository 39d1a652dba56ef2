"""Live audio in, events out: who speaks when, what is said so far, what was said in the end."""
