"""Runs docker-compose.yml without Docker: builds each image's program from its package registry and supervises it."""
