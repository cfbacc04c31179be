"""`make doctor`: walks every signal's way from the services to its store, and names the first hop that is broken."""
