"""The synthetic customer: goes through the public API as a customer would, all the time, and measures how that went.

It stands outside: it needs nothing but the gateway's address, so that it still measures when the gateway is dead.
"""
