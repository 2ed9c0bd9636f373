"""Where a scenario's recordings are: its own, and the shared ones listed in speech.yaml."""

from pathlib import Path

from bench.scenarios.clip import Clip
from bench.scenarios.errors import ScenarioError, ScenarioUnavailableError
from bench.scenarios.node import Node
from bench.sound.errors import AudioFileError
from bench.sound.wav import read_file


class ClipLibrary:
    """Finds and loads clips by name, each once.

    Args:
        shared: the `clips` mapping of speech.yaml.
        folder: where the shared WAV files lie, named after their clips.
    """

    def __init__(self, shared: Node, folder: Path) -> None:
        self._entries: dict[str, tuple[str, Path, str]] = {}
        self._loaded: dict[str, Clip] = {}
        for name in shared.names():
            entry = shared.at(name).only("voice", "text")
            self._entries[name] = (entry.at("text").text(), folder / f"{name}.wav", "")

    def add_own(self, clips: Node, folder: Path, needs: str) -> None:
        """Add a scenario's own clips, which may replace shared ones.

        Args:
            clips: its `clips` mapping: name to `{text, file}`.
            folder: what relative file names are relative to.
            needs: what must be installed for the files to be there; for the error message.
        """
        for name in clips.names():
            entry = clips.at(name).only("text", "file")
            self._entries[name] = (entry.at("text").text(), folder / entry.at("file").text(), needs)
            self._loaded.pop(name, None)

    def get(self, node: Node) -> Clip:
        """Return the clip a node names.

        Raises:
            ScenarioError: there is none of that name, or its file cannot be used.
            ScenarioUnavailableError: its file belongs to something that is not installed.
        """
        name = node.text()
        if name not in self._loaded:
            self._loaded[name] = self._load(node, name)
        return self._loaded[name]

    def _load(self, node: Node, name: str) -> Clip:
        if name not in self._entries:
            raise node.fail(f"no clip named {name!r}")
        text, path, needs = self._entries[name]
        if needs and not path.exists():
            raise ScenarioUnavailableError(f"{node.path}: {path} is not there: install {needs}")
        try:
            return Clip(name, text, read_file(path))
        except AudioFileError as error:
            raise ScenarioError(f"{node.path}: {error}") from error
