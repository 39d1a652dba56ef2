"""Breaks each part of the running stack in turn, under a light load, and keeps the score."""
