"""A service of every shape that FastAPI has and the sample shop has not."""
