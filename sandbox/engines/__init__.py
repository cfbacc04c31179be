"""The engines that run the stack: Docker, or the native engine."""
