"""What a call should do, as data. Pure: no I/O, no clock, no store."""
