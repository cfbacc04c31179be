"""What the tests of several services share."""
