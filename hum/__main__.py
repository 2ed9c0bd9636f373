"""`python -m hum` is the `hum` command."""

from hum.cli import main

main()
