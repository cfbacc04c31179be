"""`python -m heartbeat --bind=HOST:PORT`."""

from kit.server import parse_bind, run_server
from sandbox_telemetry import log_as_json

if __name__ == "__main__":
    bind = parse_bind()
    log_as_json("heartbeat")
    run_server("heartbeat.app:app", bind, factory=True, log_level="warning")
