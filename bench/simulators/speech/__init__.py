"""What simulated speech providers have in common: hearing the caller, the script, faults, ids, the log."""
