"""The Wyoming protocol, for Home Assistant: speech to text and text to speech over plain TCP.

The protocol has no authentication, so both listen on loopback unless told otherwise.
"""
