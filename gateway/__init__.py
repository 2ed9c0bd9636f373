"""Live calls: carrier webhooks, the media stream, the call core, the recording."""
