"""Runs the error tracker: prepares the databases if needed, then web server and task runner as forks of one process.

The image starts four interpreters one after the other (check, two migrations, prestart), then a web server with a
process per core and a task runner. Each loads Django anew, which takes 9 s and 400 MB in total. This program loads
Django once, and the processes share its memory.
"""

import argparse
import gc
import hashlib
import os
import signal
import sys
from pathlib import Path

from seed import seed

THREADS = 4
# A change of one of these triggers check, migration and seeding; other settings are read at each start anyway.
SETTINGS = (
    *("SECRET_KEY", "BASE_URL", "ALLOWED_HOSTS", "SINGLE_USER", "USER_REGISTRATION"),
    *("ADMIN", "PROJECTS", "API_TOKEN", "WEBHOOK"),
)


def main() -> None:
    bind = _arguments().bind
    import django

    django.setup(set_prefix=False)
    _prepare()
    _load()
    # The garbage collector ignores objects that exist by now, so that forks keep sharing their pages.
    gc.collect()
    gc.freeze()
    server = _fork(lambda: _serve(bind))
    try:
        _run_tasks()
    finally:
        _end(server)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Run the error tracker.")
    parser.add_argument("--bind", required=True, metavar="HOST:PORT", help="where the web server listens")
    return parser.parse_args()


def _prepare() -> None:
    """Migrate and seed, unless this version has done so with the same settings: a migration check takes a second."""
    from django.conf import settings
    from django.core.management import call_command

    database = Path(settings.DATABASES["default"]["NAME"])
    queue = Path(settings.DATABASES["snappea"]["NAME"])
    marker = database.with_name("prepared")
    state = _state()
    if database.exists() and queue.exists() and marker.exists() and marker.read_text() == state:
        return
    # The same check that the image runs at each start; its messages name the setting and the reason.
    call_command("check", deploy=True, fail_level="WARNING", verbosity=0)
    queue.parent.mkdir(parents=True, exist_ok=True)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("migrate", "snappea", database="snappea", interactive=False, verbosity=0)
    seed()
    marker.write_text(state)


def _state() -> str:
    from bugsink.version import version

    return hashlib.sha256("\0".join([version, *(os.environ.get(name, "") for name in SETTINGS)]).encode()).hexdigest()


def _load() -> None:
    """Import every view once, now, instead of in each process at its first request."""
    from django.urls import get_resolver

    get_resolver().url_patterns  # noqa: B018


def _fork(run) -> int:
    from django.db import connections

    connections.close_all()
    pid = os.fork()
    if pid:
        return pid
    try:
        run()
    finally:
        os._exit(1)


def _serve(bind: str) -> None:
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", bind)
            # One process: SQLite has one writer. Threads let health checks and pages respond while an event arrives.
            self.cfg.set("workers", 1)
            self.cfg.set("worker_class", "gthread")
            self.cfg.set("threads", THREADS)
            self.cfg.set("preload_app", True)
            self.cfg.set("control_socket_disable", True)

        def load(self):
            from bugsink.wsgi import application

            return application

    Server().run()


def _run_tasks() -> None:
    """Digest events and send mail until a stop signal, or until the web server exits."""
    from snappea.foreman import Foreman

    foreman = Foreman()
    signal.signal(signal.SIGCHLD, foreman.handle_signal)
    foreman.run_forever()


def _end(pid: int) -> None:
    """Stop the web server and wait for it. If it has already exited, that is a failure."""
    ended, _ = os.waitpid(pid, os.WNOHANG)
    if ended:
        sys.exit("bugsink: the web server exited unexpectedly; its messages are above")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
