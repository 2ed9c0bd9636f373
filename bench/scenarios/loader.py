"""Finds and reads scenarios: by name, with a variant, or from a file.

Reading touches the disk: do it before the event loop carries calls.
"""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bench.scenarios.clips import ClipLibrary
from bench.scenarios.errors import ScenarioError
from bench.scenarios.node import Node
from bench.scenarios.read_agent import read_agent
from bench.scenarios.read_caller import read_caller
from bench.scenarios.scenario import Scenario

FOLDER = Path(__file__).resolve().parent
SPEECH_FILE = FOLDER / "speech.yaml"
SPEECH_FOLDER = FOLDER / "speech"


def scenario_names() -> list[str]:
    """Return the names of the scenarios that come with HUM."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml") if path != SPEECH_FILE)


def load_named(name: str) -> Scenario:
    """Load a scenario.

    Args:
        name: `opening-hours`, `provider-dies:reset` (a variant), or the path of a YAML file, also with
            `:variant`.

    Raises:
        ScenarioError: there is none such, or it is wrong; the message says where.
        ScenarioUnavailableError: it needs recordings that are not installed.
    """
    stem, _, variant = name.partition(":")
    path = Path(stem) if stem.endswith((".yaml", ".yml")) else FOLDER / f"{stem}.yaml"
    if not path.is_file() or path == SPEECH_FILE:
        raise ScenarioError(f"no scenario {stem!r}; there are {', '.join(scenario_names())}")
    return load_file(path, variant or None)


def load_file(path: Path, variant: str | None = None) -> Scenario:
    """Load a scenario from a file.

    Args:
        path: a YAML document.
        variant: one of its variants, whose values replace those of the document (mappings are merged).

    Raises:
        ScenarioError: it is wrong; the message says where.
    """
    document = Node(read_yaml(path), f"{path.name}: ")
    document.only("about", "agent", "caller", "clips", "needs", "variants")
    variants = document.at("variants", {})
    names = tuple(variants.names())
    if variant is not None:
        if variant not in names:
            raise ScenarioError(
                f"{path.name}: no variant {variant!r}; there are {', '.join(names) or 'none'}"
            )
        change = variants.at(variant).only("agent", "caller", "about")
        document = Node(_merged(document.value, change.value), document.path)
    clips = ClipLibrary(Node(read_yaml(SPEECH_FILE), f"{SPEECH_FILE.name}: ").at("clips"), SPEECH_FOLDER)
    clips.add_own(document.at("clips", {}), path.parent, document.at("needs", "").text())
    return Scenario(
        name=path.stem if variant is None else f"{path.stem}:{variant}",
        about=document.at("about").text(),
        agent=read_agent(document.at("agent"), clips),
        caller=read_caller(document.at("caller"), clips),
        variants=names,
    )


def read_yaml(path: Path) -> Any:
    """Return the contents of a YAML file as plain data.

    Raises:
        ScenarioError: it cannot be read or is not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror or error}") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path.name}: not YAML: {error}") from error


def _merged(document: Any, change: Any) -> Any:
    if not isinstance(document, dict) or not isinstance(change, dict):
        return change
    merged = dict(document)
    for key, value in change.items():
        merged[key] = _merged(document[key], value) if key in document else value
    return merged
