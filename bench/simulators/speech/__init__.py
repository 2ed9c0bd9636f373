"""What the simulated speech providers have in common: hearing the caller, faults, ids, what happened."""
