"""Checks of the stack that runs."""
