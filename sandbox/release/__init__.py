"""Releases and rollbacks of services and frontend parts: `make release` and `make rollback`."""
