"""The handlers, one module per subject."""
