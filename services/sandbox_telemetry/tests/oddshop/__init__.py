"""A service with every FastAPI feature that the sample shop lacks."""
