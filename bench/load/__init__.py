"""A load generator: many paced calls through a gateway that runs in a process of its own.

It plays both ends at once, the carrier's and the provider's, on one clock, so that a frame's way through the
gateway is measured where it is put on the wire and where it is taken off, in both directions.
"""
