"""Practised incidents: runbooks that run, game days that measure, reviews that write themselves."""
