"""Accounts, sessions and access tokens of customers."""
