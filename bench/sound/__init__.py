"""Telephone sound for the simulators: mu-law, WAV files, audio placed on a time line.

Written from the formats' own definitions and independent of `media/`, so that a mistake made there is not
repeated here.
"""
