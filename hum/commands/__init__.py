"""One module for each subcommand of `hum`."""
