"""Brings the models that the services need to this machine, and says which are there."""
