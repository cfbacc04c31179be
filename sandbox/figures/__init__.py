"""Measures cost and speed of the stack on this machine: `make figures`."""
