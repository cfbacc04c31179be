"""Runs docker-compose.yml without Docker: builds the program of each image from its package registry and supervises it.
"""
