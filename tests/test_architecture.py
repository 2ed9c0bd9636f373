"""The rules of the house that a machine can check: docs/architecture.md and CONTRIBUTING.md say why."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests import source_tree
from tests.source_tree import ROOT, Function, Source

MODULE_LINES = 400
TEST_MODULE_LINES = 600
FUNCTION_LINES = 50
CLASS_LINES = 250

BANNED_WORDS = {"util", "utils", "helper", "helpers", "common", "base", "manager", "misc"}

ALEMBIC_SCRIPTS = "store/migrations/env.py"
"""Only Alembic can run it: it needs the connection Alembic hands over."""

MIGRATIONS = "store/migrations/versions"
"""A migration is written once, in one function, and never changed."""

PURE = ("media", "flows", "gateway/call")
"""No I/O, no clock, no task: what is in here works on plain values."""

IMPURE_MODULES = {
    *("asyncio", "threading", "concurrent", "multiprocessing", "subprocess", "signal"),
    *("time", "socket", "selectors", "ssl", "os", "pathlib", "tempfile", "shutil", "logging", "structlog"),
    *("aiohttp", "websockets", "sqlalchemy", "aiosqlite", "asyncpg", "redis", "random", "secrets"),
}
CLOCK_CALLS = {"now", "utcnow", "today", "open", "print", "input"}


def offenders(found: Iterator[str]) -> str:
    """The findings as one text, empty when there are none, so that an assertion shows them all."""
    return "\n".join(sorted(found))


# ---- imports


@pytest.mark.timeout(240)  # a dozen seconds, more where the tests of others run beside it
def test_each_module_imports_alone() -> None:
    command = [sys.executable, "-m", "tests.import_alone", ALEMBIC_SCRIPTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_imports_go_downward_only() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())",
    ]
    done = subprocess.run([*command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_is_under_every_check() -> None:
    tools = source_tree.configuration()["tool"]
    rooms = set(source_tree.rooms())
    assert set(tools["importlinter"]["root_packages"]) == rooms
    assert set(tools["mypy"]["packages"]) == rooms
    packaged = {pattern.rstrip("*") for pattern in tools["setuptools"]["packages"]["find"]["include"]}
    assert packaged >= rooms
    layers = tools["importlinter"]["contracts"][0]["layers"]
    named = {room.strip(" ()") for layer in layers for room in layer.split("|")}
    assert named >= rooms - {"bench"}


def test_only_hum_and_tests_import_bench() -> None:
    assert not offenders(
        f"{source.path} imports {name}"
        for source in source_tree.project()
        if not source.is_in("hum", "bench")
        for name in source_tree.imports(source.tree)
        if name.split(".")[0] in ("bench", "tests")
    )


def test_no_import_inside_a_function() -> None:
    assert not offenders(
        f"{source.path}:{node.lineno} in {function.name}"
        for source in source_tree.project()
        for function in source_tree.functions(source.tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    )


def test_no_type_checking_import_of_our_own() -> None:
    def guarded(tree: ast.Module) -> Iterator[str]:
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                yield from source_tree.imports(node)

    assert not offenders(
        f"{source.path} imports {name}"
        for source in source_tree.project()
        for name in guarded(source.tree)
        if name.startswith(".") or name.split(".")[0] in source_tree.rooms()
    )


def test_what_is_pure_stays_pure() -> None:
    def impurities(source: Source) -> Iterator[str]:
        for name in source_tree.imports(source.tree):
            if name.split(".")[0] in IMPURE_MODULES:
                yield f"imports {name}"
        for node in ast.walk(source.tree):
            if isinstance(node, ast.AsyncFunctionDef):
                yield f"line {node.lineno}: an async function"
            if isinstance(node, ast.Call) and _called(node) in CLOCK_CALLS:
                yield f"line {node.lineno}: calls {ast.unparse(node.func)}"

    assert not offenders(
        f"{source.path} {what}" for source in source_tree.sources(*PURE) for what in impurities(source)
    )


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def test_the_environment_is_read_in_one_place() -> None:
    def readings(tree: ast.Module) -> Iterator[ast.expr]:
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript | ast.Attribute) and ast.unparse(node.value).endswith(
                "environ"
            ):
                yield node  # one variable; the whole may be handed to a child process
            if isinstance(node, ast.Attribute) and node.attr == "getenv":
                yield node

    assert not offenders(
        f"{source.path}:{node.lineno} {ast.unparse(node)}"
        for source in source_tree.project()
        if not source.is_in("hum/settings.py", "bench")
        for node in readings(source.tree)
    )


def test_tasks_are_made_by_groups_only() -> None:
    # asyncio's own functions are banned by lint; this finds the loop's method under any name.
    assert not offenders(
        f"{source.path}:{node.lineno} {ast.unparse(node.func)}"
        for source in source_tree.project()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "create_task"
        and not re.search(r"(tasks|group)$", ast.unparse(node.func.value))
    )


# ---- sizes and names


def test_modules_are_short() -> None:
    assert not offenders(
        f"{source.path} has {lines} lines, at most {limit}"
        for source in (*source_tree.project(), *source_tree.sources("tests", "docs"))
        if (lines := len(source.text.splitlines()))
        > (limit := TEST_MODULE_LINES if source.is_in("tests") else MODULE_LINES)
    )


def _code_lines(function: Function) -> int:
    """Lines from `def` to the end, the docstring aside: explaining more is never punished."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None and first.end_lineno is not None:
        lines -= first.end_lineno - first.lineno + 1
    return lines


def test_functions_are_short() -> None:
    assert not offenders(
        f"{source.path}:{function.lineno} {function.name} has {lines} lines"
        for source in (*source_tree.project(), *source_tree.sources("docs"))
        if not source.is_in(MIGRATIONS)
        for function in source_tree.functions(source.tree)
        if (lines := _code_lines(function)) > FUNCTION_LINES
    )


def test_classes_are_short() -> None:
    assert not offenders(
        f"{source.path}:{node.lineno} {node.name} has {lines} lines"
        for source in source_tree.project()
        for node in source_tree.classes(source.tree)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > CLASS_LINES
    )


def test_no_module_is_named_for_nothing() -> None:
    assert not offenders(
        source.path
        for source in (*source_tree.project(), *source_tree.sources("tests"))
        for part in source.name.split(".")
        if BANNED_WORDS & set(part.split("_"))
    )


def test_modules_and_public_names_say_what_they_are_for() -> None:
    def undocumented(source: Source) -> Iterator[str]:
        if ast.get_docstring(source.tree) is None:
            yield "the module"
        yield from _undocumented(source.tree, "")

    assert not offenders(
        f"{source.path}: {what}"
        for source in (*source_tree.project(), *source_tree.sources("docs"))
        for what in undocumented(source)
    )


def _undocumented(parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        inherited = {"overload", "override"} & {
            ast.unparse(mark).split(".")[-1] for mark in node.decorator_list
        }
        accessor = any(ast.unparse(mark).endswith((".setter", ".deleter")) for mark in node.decorator_list)
        if ast.get_docstring(node) is None and not inherited and not accessor:
            yield f"{prefix}{node.name} (line {node.lineno})"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(node, f"{prefix}{node.name}.")


def test_tests_mirror_the_rooms() -> None:
    for room in source_tree.rooms():
        tests = [source for source in source_tree.sources(f"tests/{room}") if "/test_" in source.path]
        assert tests, f"no tests in tests/{room}"


# ---- the checks themselves see what they are for


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def shown():\n    pass\n", ["shown (line 1)"]),
        ("class Shown:\n    '''x'''\n    def method(self): pass\n", ["Shown.method (line 3)"]),
        ("def _hidden(): pass\nclass _Hidden:\n    def method(self): pass\n", []),
        (
            "class A:\n    '''x'''\n    @override\n    def m(s): pass\n    @n.setter\n    def n(s): pass\n",
            [],
        ),
        ("async def shown(): pass\n", ["shown (line 1)"]),
    ],
)
def test_missing_docstrings_are_seen(text: str, found: list[str]) -> None:
    assert list(_undocumented(ast.parse(text), "")) == found


def test_a_docstring_does_not_count_as_code() -> None:
    tree = ast.parse('def f():\n    """One.\n\n    Two.\n    """\n    x = 1\n    return x\n')
    assert _code_lines(source_tree.functions(tree)[0]) == 3


def test_a_module_that_cannot_stand_alone_is_seen(tmp_path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "__init__.py").write_text("")
    (room / "one.py").write_text("from room.two import b\na = 1\n")
    (room / "two.py").write_text("from room.one import a\nb = 1\n")
    script = (
        "import sys; from pathlib import Path; from tests import import_alone, source_tree\n"
        f"source_tree.ROOT = Path({str(tmp_path)!r}); sys.path.insert(0, {str(tmp_path)!r})\n"
        "raise SystemExit(import_alone.main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "--- room.one" in done.stdout
    assert "--- room.two" in done.stdout
