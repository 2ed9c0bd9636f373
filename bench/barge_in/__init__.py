"""How quickly an agent falls silent when the caller cuts in, and how truly it knows what was heard.

Callers of the simulated phone company speak into an agent's long answers again and again; the carrier's own
record of the line says when the speech began, when the clear came and what had been played by then.
"""
