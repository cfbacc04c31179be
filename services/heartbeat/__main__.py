"""`python -m heartbeat --bind=HOST:PORT`."""

from heartbeat.settings import Settings, SettingsError
from kit.jsonlog import log_as_json
from kit.server import parse_bind, run_server


def main() -> None:
    """Serve until SIGTERM."""
    bind = parse_bind()
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        raise SystemExit(f"heartbeat: {error}") from None
    log_as_json("heartbeat", settings.environment, settings.version)
    run_server("heartbeat.app:app", bind, factory=True, log_config=None, log_level="warning")


if __name__ == "__main__":
    main()
