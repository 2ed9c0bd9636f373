"""ElevenLabs Agents: its wire format, and the agents that have to exist before a call."""
