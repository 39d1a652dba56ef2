"""Moves a service from one colour to the other, and back by itself where the new one does not hold."""
