"""The project's own source as data: which modules there are, and their syntax trees."""

import ast
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One Python file.

    Args:
        path: relative to the root, with `/`.
        text: its content.
        tree: its syntax tree.
    """

    path: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name it is imported by."""
        parts = self.path.removesuffix(".py").split("/")
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def is_in(self, *folders: str) -> bool:
        """Whether it lies in one of the folders, or is one of the files."""
        return any(self.path == folder or self.path.startswith(f"{folder}/") for folder in folders)


@cache
def configuration() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def rooms() -> tuple[str, ...]:
    """The folders at the root that are packages, tests aside."""
    return tuple(
        sorted(path.parent.name for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests")
    )


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file below some folders of the root, by path."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(_read(path) for path in paths)


def project() -> tuple[Source, ...]:
    """Every module of every room."""
    return sources(*rooms())


def _read(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    return Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))


def functions(tree: ast.AST) -> list[Function]:
    """Every function and method below a node, nested ones too."""
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def classes(tree: ast.AST) -> list[ast.ClassDef]:
    """Every class below a node."""
    return [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def imported(node: ast.AST) -> list[str]:
    """Dotted names of the modules an import statement names; empty for other statements."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return ["." * node.level + (node.module or "")]
    return []


def imports(tree: ast.AST) -> list[str]:
    """Dotted names of the modules imported anywhere below a node."""
    return [name for node in ast.walk(tree) for name in imported(node)]
