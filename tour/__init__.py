"""`make tour`: one payment, made now, and what every store knows of it."""
