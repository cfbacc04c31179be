"""Releases of the services and the frontend's parts, and the way back: `make release` and `make rollback`."""
