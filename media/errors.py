"""What can go wrong with sound."""


class MediaError(Exception):
    """Audio that cannot be what it claims to be: wrong size, wrong encoding, wrong file format."""
