"""The sound that fills a gap while a provider is replaced: two soft tones, for any language."""

import binascii

from media.tones import soft_tones

FILLER_PAYLOAD = binascii.b2a_base64(
    soft_tones((440.0, 550.0), each_ms=160, gap_ms=80), newline=False
).decode("ascii")
"""Base64 of 8 kHz mu-law, 400 ms."""
