"""The command line behind make: `python -m stack --help`."""
