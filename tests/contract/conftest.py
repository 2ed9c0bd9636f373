"""The served API of tests/control_api, for the checks that go through every operation."""

from tests.control_api.conftest import api  # noqa: F401
from tests.databases import *  # noqa: F403
