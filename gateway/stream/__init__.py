"""Twilio Media Streams on the wire: messages, codec, one-time tokens' socket."""
