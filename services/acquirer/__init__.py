"""A stand-in for the card network. As a third party it sends no traces; it only writes log lines."""
