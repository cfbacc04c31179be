"""What services and collector say of their own telemetry, and whether all of it arrived."""
