"""`make new-service NAME=orders`: generates a complete service."""
