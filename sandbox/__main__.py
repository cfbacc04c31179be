"""`python -m sandbox --help`: every command that make calls, and a few more."""

from sandbox.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
