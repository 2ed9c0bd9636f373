"""Sound as numbers and the wire framing of audio. Pure: no I/O, no clock, no task."""
