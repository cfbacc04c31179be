"""All programs of this repository, with one command: `python -m sandbox --help`."""
