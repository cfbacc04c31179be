"""What runs the stack: Docker, or the native engine."""
