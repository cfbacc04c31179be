"""Who a customer is: accounts, sessions, tokens."""
