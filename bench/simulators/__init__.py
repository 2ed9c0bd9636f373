"""Independent programs that play the other side of every wire format: a phone company and speech providers.

They know the wire formats from the vendors' documents and SDKs, never from the service's own code: a second
reading of each protocol. All pacing goes through the running event loop's clock, so a whole call can run on
virtual time.
"""
