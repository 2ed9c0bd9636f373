"""How a command ends when it cannot do its work: one clear line, a meaningful status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hum.settings import SettingsError
from store.errors import StoreError

BAD_SETTINGS = 2
FAILED = 1


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn errors a person can act on into one line and an exit status."""
    try:
        yield
    except SettingsError as error:
        print(f"hum: {error}", file=sys.stderr)
        raise SystemExit(BAD_SETTINGS) from error
    except (StoreError, OSError) as error:
        print(f"hum: {error}", file=sys.stderr)
        raise SystemExit(FAILED) from error
