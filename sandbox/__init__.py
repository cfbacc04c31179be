"""Everything that we run: one package behind one command, `python -m sandbox --help`."""
