"""`make new-service NAME=orders`: a service that is complete the moment it exists."""
