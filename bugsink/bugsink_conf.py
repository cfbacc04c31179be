"""Django settings of the error tracker: the image's own template, read from the installed package, plus changes.

The template takes most values from the environment, which docker-compose.yml sets. It is executed instead of copied, so
that an upgrade includes its new settings.
"""

import importlib.util
import os
from pathlib import Path

_package = importlib.util.find_spec("bugsink")
if _package is None or _package.origin is None:
    raise RuntimeError("bugsink is not installed in this Python environment: install it, or run this in its image")
_template = Path(_package.origin).with_name("conf_templates") / "docker.py.template"

# One address, which both engines can translate. The template needs separate host and port, and assumes TLS.
_smtp_host, _, _smtp_port = os.environ["SMTP_ADDRESS"].partition(":")
os.environ.update(EMAIL_HOST=_smtp_host, EMAIL_PORT=_smtp_port or "25", EMAIL_USE_TLS="false")

exec(compile(_template.read_text(), str(_template), "exec"))

# Queue of accepted events and digest tasks. The template puts it in /tmp, where a restart of the container loses it.
_queue = Path(os.environ["QUEUE_DIRECTORY"])
DATABASES["snappea"]["NAME"] = str(_queue / "tasks.sqlite3")  # noqa: F821
SNAPPEA["WAKEUP_CALLS_DIR"] = str(_queue / "wakeup")  # noqa: F821
BUGSINK["INGEST_STORE_BASE_DIR"] = str(_queue / "ingestion")  # noqa: F821

# One worker thread: SQLite allows one writer at a time, so a second thread would only wait.
SNAPPEA["NUM_WORKERS"] = 1  # noqa: F821
# The queue is on disk and is processed after the next start, so a stop need not wait for it.
SNAPPEA["WORKAHOLIC"] = False  # noqa: F821

# Otherwise every event logs two lines, with the address of its sender.
LOGGING["loggers"]["snappea"]["level"] = "WARNING"  # noqa: F821

MIDDLEWARE = [*MIDDLEWARE, "upload_address.UploadAddress"]  # noqa: F821
