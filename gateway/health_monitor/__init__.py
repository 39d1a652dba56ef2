"""Watches every upstream of the routing file: a breaker each, a live table, an event stream, metrics."""
