"""Gemini Live as a speech provider."""
