"""Payments: authorise, capture and refund card payments, and keep the ledger that says where the money is."""
