"""Payments: authorise, capture and refund card payments, and keep the ledger of all movements of money."""
