"""Runs the collector alone, and creates OTLP for it."""
