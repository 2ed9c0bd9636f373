"""The kinds of jobs there are: who enqueues and who does one agree on its name here."""

PLACE_CALL = "place_call"
"""Dial a queued outbound call; payload `{"call_id": ...}`."""
