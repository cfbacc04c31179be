"""`make doctor`: follows every signal from the services to its store and reports the first broken hop."""
