"""`python -m relay --bind=HOST:PORT`."""

from kit.jsonlog import log_as_json
from kit.server import parse_bind, run_server
from relay.settings import Settings, SettingsError


def main() -> None:
    """Serve until SIGTERM."""
    bind = parse_bind()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise SystemExit(f"relay: {error}") from None
    log_as_json("relay", settings.environment, settings.version)
    run_server("relay.app:app", bind, factory=True, log_config=None, log_level="warning")


if __name__ == "__main__":
    main()
