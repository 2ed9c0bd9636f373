"""Makes the recordings of speech.yaml with espeak-ng: `python -m bench.scenarios.make_speech [NAME …]`.

Each clip becomes speech/NAME.wav: 8 kHz mono mu-law, brought to one loudness, trimmed, and with its pauses
shortened so that a voice-activity detector does not take one utterance for two. The files are committed; this
is only needed when a text changes.
"""

import argparse
import shutil
import subprocess
import sys

import numpy as np
import numpy.typing as npt

from bench.scenarios.loader import SPEECH_FILE, SPEECH_FOLDER, read_yaml
from bench.scenarios.node import Node
from bench.sound import mulaw
from bench.sound.wav import mulaw_file

VOICES = {
    "agent": ("-v", "en-us+f3", "-s", "165", "-p", "48"),
    "caller": ("-v", "en-gb+m3", "-s", "160", "-p", "40"),
}
_LOUDNESS = 3000.0
_QUIET = 150.0
_WINDOW = 80
_SOFT = 600.0
_LONGEST_PAUSE_WINDOWS = 16
_EDGE_WINDOWS = 4

Samples = npt.NDArray[np.float64]


def main() -> int:
    """Make the named clips, or all of them."""
    parser = argparse.ArgumentParser(description="Make the scenarios' speech with espeak-ng.")
    parser.add_argument("names", nargs="*", help="clips to make; all by default")
    arguments = parser.parse_args()
    program = shutil.which("espeak-ng")
    if program is None:
        print("espeak-ng is not installed (Debian: apt-get install espeak-ng)", file=sys.stderr)
        return 1
    clips = Node(read_yaml(SPEECH_FILE), f"{SPEECH_FILE.name}: ").at("clips")
    for name in arguments.names or clips.names():
        clip = clips.at(name)
        sound = shape(speak(program, clip.at("voice").choice(*VOICES), clip.at("text").text()))
        path = SPEECH_FOLDER / f"{name}.wav"
        path.write_bytes(mulaw_file(mulaw.encode(sound.astype(np.int16))))
        print(f"{path.name}: {len(sound) / mulaw.SAMPLE_RATE_HZ:.2f} s")
    return 0


def speak(program: str, voice: str, text: str) -> Samples:
    """Return what espeak-ng makes of a text, as samples at 8 kHz."""
    made = subprocess.run(
        [program, *VOICES[voice], "--stdout", text], check=True, capture_output=True, timeout=60
    )
    rate_hz = int.from_bytes(made.stdout[24:28], "little")
    samples = np.frombuffer(made.stdout[44:][: len(made.stdout[44:]) // 2 * 2], dtype="<i2")
    return resample(samples.astype(np.float64), rate_hz)


def resample(samples: Samples, rate_hz: int) -> Samples:
    """Return samples at 8 kHz, by cutting the spectrum at 3.6 kHz."""
    length = round(len(samples) * mulaw.SAMPLE_RATE_HZ / rate_hz)
    spectrum = np.fft.rfft(samples)
    spectrum = spectrum[: length // 2 + 1]
    spectrum[int(len(spectrum) * 0.9) :] = 0
    result: Samples = np.fft.irfft(spectrum, length) * (length / len(samples))
    return result


def shape(samples: Samples) -> Samples:
    """Return the samples at one loudness, without silence at the ends or long pauses inside."""
    windows = samples[: len(samples) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    levels = np.sqrt((windows * windows).mean(axis=1))
    loud = levels > _QUIET
    windows = windows * (_LOUDNESS / np.sqrt((windows[loud] ** 2).mean()))
    first, last = np.flatnonzero(loud)[[0, -1]]
    levels = np.sqrt((windows * windows).mean(axis=1))
    kept: list[Samples] = []
    soft_run = 0
    for index in range(max(0, first - _EDGE_WINDOWS), min(len(windows), last + _EDGE_WINDOWS)):
        # Soft consonants count as part of a pause but are never cut; only silence is.
        soft_run = soft_run + 1 if levels[index] < _SOFT else 0
        if soft_run <= _LONGEST_PAUSE_WINDOWS or levels[index] >= _QUIET:
            kept.append(windows[index])
    return np.clip(np.concatenate(kept), -32000, 32000)


if __name__ == "__main__":
    sys.exit(main())
