"""The call core: a pure state machine. Inputs in, actions out; no socket, no clock, no task."""
