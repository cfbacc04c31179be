"""Turns what the error tracker tells its webhook into alerts: errors share routes, silences and mails with the rest."""
