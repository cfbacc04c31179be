"""The collector started by itself, and the OTLP that goes into it."""
