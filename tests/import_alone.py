"""Run as a script: import each module of the project as the first of ours in a process of its own.

Third-party packages are imported once; then the process forks for each module, so that two hundred of them
take seconds. A `__main__` is a program and is left out, as are the files named as arguments. What fails is
printed, one block per module, and the exit status is 1.
"""

import importlib
import os
import sys
import traceback
import warnings

from tests import source_tree


def main() -> int:
    """Try every module; return the number that failed."""
    left_out, ours = sys.argv[1:], source_tree.rooms()
    wanted = [source for source in source_tree.project() if not source.is_in(*left_out)]
    for name in sorted({name for source in wanted for name in source_tree.imports(source.tree)}):
        if name.split(".")[0] not in ours:
            importlib.import_module(name)
    already = [name for name in sys.modules if name.split(".")[0] in ours]
    assert not already, f"imported before their turn: {already}"
    return _failures([source.name for source in wanted if not source.name.endswith(".__main__")])


def _fork() -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy's threads are idle: forking is safe here
        return os.fork()


def _failures(names: list[str]) -> int:
    failed, waiting, running = 0, list(names), 0
    while waiting or running:
        if waiting and running < (os.cpu_count() or 1):
            _start(waiting.pop())
            running += 1
        else:
            failed += os.wait()[1] != 0
            running -= 1
    return failed


def _start(name: str) -> None:
    if _fork() == 0:
        try:
            importlib.import_module(name)
        except BaseException:
            os.write(1, f"--- {name}\n{traceback.format_exc()}\n".encode())
            os._exit(1)
        os._exit(0)


if __name__ == "__main__":
    sys.exit(min(1, main()))
