"""Releases of the services and the way back: `make release`, `make rollback`, the same on both engines."""
