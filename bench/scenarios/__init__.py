"""Scripted conversations: what the caller does, what the agent says and does, and how the provider fails.

One YAML document holds both sides of a call; `load` reads it with its recordings. The types are plain data
that the simulators play.
"""
