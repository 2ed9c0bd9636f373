"""Realtime speech sessions: one interface, one package per provider."""
