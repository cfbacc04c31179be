"""Turns the error tracker's webhook calls into alerts: errors share routes, silences and mails with other alerts."""
