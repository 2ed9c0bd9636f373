"""The demonstration: a whole call on one command, and a verdict on what it left behind."""
