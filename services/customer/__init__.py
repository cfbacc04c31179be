"""The synthetic customer: uses the public API continuously, as a customer would, and measures the result.

It needs nothing but the gateway's address, so it still measures when the gateway is down.
"""
