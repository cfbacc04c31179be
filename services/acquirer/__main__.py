"""`python -m acquirer --bind=0.0.0.0:8003`."""

from kit.server import parse_bind, run_server
from sandbox_telemetry import log_as_json

if __name__ == "__main__":
    bind = parse_bind()
    log_as_json("acquirer")
    run_server("acquirer.app:app", bind, log_level="warning")
