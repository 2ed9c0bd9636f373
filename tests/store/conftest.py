"""Store tests run on both engines."""

from tests.databases import *  # noqa: F403
