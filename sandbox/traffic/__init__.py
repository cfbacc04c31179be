"""Requests to the running stack, from customers with and without a browser."""
