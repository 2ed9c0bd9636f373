"""Drops a TCP connection the rude way."""

import asyncio
import socket as sockets
import struct


def reset(transport: asyncio.Transport) -> None:
    """Drop the connection so that the peer gets a reset, not an end."""
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, linger)
    transport.abort()
