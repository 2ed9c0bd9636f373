"""The docs are held true, both ways: what exists is described, and what is described exists.

The tables checked: `## Settings`, `## Metrics` and `## Error codes` in docs/operations.md (first column, in
backticks), the rooms in docs/architecture.md, and the whole of docs/events.md.
"""

import ast
import dataclasses
import importlib
import inspect
import re
import runpy
from collections.abc import Iterator
from http import HTTPStatus
from unittest.mock import MagicMock

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry

from control_api import errors
from control_api.errors import ApiError
from hum.cli import COMMANDS
from hum.settings import Settings
from store.call_events import EVENT_TYPES
from tests import source_tree
from tests.source_tree import ROOT, Source

OPERATIONS = ROOT / "docs/operations.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")})


def table(text: str, heading: str) -> dict[str, str]:
    """The tables below a `## heading`: first cell, without its backticks, to the rest of the row."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", section.group(1) if section else "", re.MULTILINE)
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)), f"twice in the table of {heading}"
    return dict(rows)


def operations(heading: str) -> dict[str, str]:
    text = OPERATIONS.read_text(encoding="utf-8") if OPERATIONS.exists() else ""
    return table(text, heading)


# ---- what operators need


def test_every_setting_is_described() -> None:
    fields = dataclasses.fields(Settings)
    assert all(field.metadata["doc"].strip() for field in fields)
    assert set(operations("Settings")) == {field.metadata["env"] for field in fields}


def test_every_event_type_is_described() -> None:
    make = runpy.run_path(str(ROOT / "docs/make_events.py"))
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    assert page == make["render"](), "run: python docs/make_events.py"
    assert set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)) == set(EVENT_TYPES)


def metric_names(source: Source) -> set[str]:
    """Every text in a module with metrics that can only be the name of one."""
    if "prometheus_client" not in source_tree.imports(source.tree):
        return set()
    texts = (node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant))
    return {text for text in texts if isinstance(text, str) and re.fullmatch(r"hum_[a-z0-9_]+", text)}


def collected_metrics() -> set[str]:
    """Names as /metrics shows them, of every class that takes a registry and of the default registry."""
    registry = CollectorRegistry()
    for source in filter(metric_names, source_tree.project()):
        module = importlib.import_module(source.name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == source.name:
                parameters = inspect.signature(cls).parameters.values()
                if any(each.annotation is CollectorRegistry for each in parameters):
                    cls(
                        *[
                            registry if each.annotation is CollectorRegistry else MagicMock()
                            for each in parameters
                        ]
                    )
    families = [*registry.collect(), *prometheus_client.REGISTRY.collect()]
    shown = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    return {name for name in shown if name.startswith("hum_")}


def test_every_metric_is_described() -> None:
    collected = collected_metrics()
    written = set().union(*map(metric_names, source_tree.project()))
    assert {name.removesuffix("_total") for name in collected} == {
        name.removesuffix("_total") for name in written
    }, "a metric this test does not find: make it in a class that takes the registry"
    assert set(operations("Metrics")) == collected


def error_classes() -> dict[str, type[ApiError]]:
    """Every class of API errors, wherever in control_api it is defined."""
    for source in source_tree.sources("control_api"):
        importlib.import_module(source.name)
    found, fresh = {ApiError.__name__: ApiError}, [ApiError]
    while fresh:
        fresh = [subclass for cls in fresh for subclass in cls.__subclasses__()]
        found |= {cls.__name__: cls for cls in fresh}
    return found


def code_argument(signature: inspect.Signature, call: ast.Call) -> ast.expr | None:
    """The expression a call passes as `code`."""
    plain = [argument for argument in call.args if not isinstance(argument, ast.Starred)]
    named = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    return signature.bind_partial(*plain, **named).arguments.get("code")


def texts_of(node: ast.AST | None) -> set[str]:
    """The texts an expression can be, as far as they are written in it; a composed text is none of them."""
    match node:
        case None | ast.JoinedStr():
            return set()
        case ast.Constant(value=str(text)):
            return {text}
        case _:
            return set().union(*map(texts_of, ast.iter_child_nodes(node)))


def error_codes() -> set[str]:
    """Every code an API error is made with: in calls, in defaults, and in the table by HTTP status."""
    classes = error_classes()
    codes: set[str] = set()
    for cls in classes.values():
        parameter = inspect.signature(cls).parameters.get("code")
        if parameter is not None and isinstance(parameter.default, str):
            codes.add(parameter.default)
    for source in source_tree.project():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and (cls := classes.get(ast.unparse(node.func).split(".")[-1])):
                codes |= texts_of(code_argument(inspect.signature(cls), node))
            if isinstance(node, ast.ClassDef) and node.name in classes.keys() - {ApiError.__name__}:
                parent = inspect.signature(classes[node.name].__mro__[1])
                for call in ast.walk(node):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__":
                        codes |= texts_of(code_argument(parent, call))
    for table_by_status in vars(errors).values():
        if isinstance(table_by_status, dict) and all(isinstance(key, HTTPStatus) for key in table_by_status):
            codes |= set(table_by_status.values())
    return codes


def test_every_error_code_is_described() -> None:
    assert error_codes() >= {"not_found", "unauthorized"}
    assert set(operations("Error codes")) == error_codes()


# ---- what newcomers need


def test_every_room_is_in_the_architecture_page_and_no_other() -> None:
    rows = table(ARCHITECTURE.read_text(encoding="utf-8"), "Rooms and the direction of imports")
    assert {room.rstrip("/") for room in rows} == set(source_tree.rooms())


def mentions(pattern: str) -> Iterator[tuple[str, str]]:
    """(page, match) of a pattern with one group, in all pages but the history."""
    for page in PAGES:
        if page.name != "CHANGELOG.md":
            for match in re.findall(pattern, page.read_text(encoding="utf-8"), re.MULTILINE):
                yield page.relative_to(ROOT).as_posix(), match


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page}: {target}"
        for page, target in mentions(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
        if not re.match(r"[a-z]+:", target) and not (ROOT / page).parent.joinpath(target).exists()
    ]
    assert not broken


def test_files_named_in_the_docs_exist() -> None:
    folders = "|".join((*source_tree.rooms(), "docs", "tests", "requirements"))
    missing = [
        f"{page}: {path}"
        for page, path in mentions(
            rf"(?<![\w/.-])((?:{folders})/[\w./-]*\w\.(?:py|md|txt|in|yaml|json|toml|wav))"
        )
        if not (ROOT / path).exists() and not path.startswith("bench/results/")
    ]
    assert not missing


def test_commands_named_in_the_docs_exist_and_all_are_named() -> None:
    named = {match for _, match in mentions(r"(?:`|^\$? *|&& )hum ([a-z][\w-]*)")}
    assert named - {"is"} == set(COMMANDS)


def test_make_targets_named_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    unknown = [
        f"{page}: {name}" for page, name in mentions(r"(?:`|^\$? *)make ([a-z]+)") if name not in targets
    ]
    assert not unknown


def test_decisions_are_numbered_once_and_say_why() -> None:
    pages = sorted(ROOT.glob("docs/decisions/*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(numbers) == len(set(numbers))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)
        assert text.startswith(f"# {page.name[:4]}"), page.name
        for heading in ("Context", "Decision", "Consequences"):
            assert f"## {heading}\n" in text, f"{page.name} has no {heading}"


# ---- the checks themselves


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("## Settings\n| a | b |\n| --- | --- |\n| `X_Y` | what |\n## Metrics\n| `m` | x |\n", {"X_Y"}),
        ("## Metrics\n| `X_Y` | what |\n", set()),
        ("text\n\n## Settings\n\n| `A_B` | one |\n\n### More\n\n| `C_D` | two | 3 |\n", {"A_B", "C_D"}),
    ],
)
def test_tables_are_read(text: str, names: set[str]) -> None:
    assert set(table(text, "Settings")) == names
