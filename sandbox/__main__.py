"""Entry point of `python -m sandbox`."""

from sandbox.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
