"""Everything that runs, checks and measures the stack, behind one command: `python -m sandbox --help`."""
