"""What can go wrong with sound files."""


class SoundError(Exception):
    """The root of this package's errors."""


class AudioFileError(SoundError):
    """A file is not a WAV we can use: the message names the file and what was expected."""
