"""Requests to the stack that runs: customers with and without a browser."""
