"""Helpers that the tests of several services share."""
