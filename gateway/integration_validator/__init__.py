"""Asks a running Parley to do everything it promises, through its gateway, and keeps the evidence."""
