"""Releases one part of the frontend: publishes its files for the gateway, uploads its source maps to the error tracker.

    python release.py --app=frontend-payments --from=/app/dist --to=/srv/frontend

Files go to <to>/<app>/<version>, so several releases exist side by side: a page that is already open still finds its
own. <to>/<app>/current names the release for new pages; running an older version again rolls back to it. Source maps go
to the tracker only. If the tracker is unavailable, the release is published all the same; its stacks stay unreadable
until this has run again.
"""

import argparse
import logging
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

# Seconds to wait for the tracker: a first release may run before it has started; during a later one, a user waits.
FIRST_WAIT_SECONDS, WAIT_SECONDS = 180, 15
UPLOAD_SECONDS = 120

log = logging.getLogger("release")


def main() -> int:
    """Return 0 if the files were published, whether or not the tracker accepted the maps."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    wanted = _arguments()
    built, version = Path(wanted.source) / wanted.app, os.environ["SERVICE_VERSION"]
    if not (built / "manifest.json").exists():
        log.error("There is nothing built in %s: run `npm run build` there first.", built)
        return 1
    target = Path(wanted.target) / wanted.app / version
    seconds = WAIT_SECONDS if target.with_name("current").exists() else FIRST_WAIT_SECONDS
    publish(built, target)
    choose(target)
    log.info("%s %s: published in %s", wanted.app, version, target)
    url = os.environ.get("SENTRY_URL", "")
    if not url:
        log.info("SENTRY_URL is empty: no source maps are uploaded.")
    elif not _answers(url, seconds):
        log.warning("%s did not answer within %d s: stacks of this release stay minified.", url, seconds)
    elif not upload(built, url, wanted.app, f"{wanted.app}@{version}"):
        log.warning("The source maps were not taken: stacks of this release stay minified.")
    else:
        log.info("%s %s: source maps are with %s", wanted.app, version, url)
    return 0


def publish(built: Path, target: Path) -> None:
    """Copy the public files (without source maps); `target` is never a partial copy."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(built, partial, ignore=shutil.ignore_patterns("*.map"))
    for path in (partial, *partial.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)


def choose(target: Path) -> None:
    """Make this the version of new pages, in one atomic step, because the gateway may be reading."""
    current = target.with_name("current")
    partial = current.with_name(".current.partial")
    partial.write_text(f"{target.name}\n", encoding="utf-8")
    partial.chmod(0o644)
    partial.replace(current)


def upload(built: Path, url: str, app: str, release: str) -> bool:
    """Return whether sentry-cli uploaded the maps. It reads SENTRY_AUTH_TOKEN and SENTRY_ORG itself.

    Maps go to every project of SENTRY_PROJECTS: a stack in one project has frames of the others, and a map belongs to
    one project.
    """
    projects = os.environ.get("SENTRY_PROJECTS", app).split(",")
    chosen = [option for project in projects for option in ("--project", project)]
    command = ["sentry-cli", "--url", url, "sourcemaps", "upload", *chosen, "--release", release, str(built)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=UPLOAD_SECONDS, check=False)
    if done.returncode:
        log.warning("sentry-cli: %s", (done.stderr or done.stdout).strip()[-1000:])
    return done.returncode == 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Release one part of the frontend.")
    parser.add_argument("--app", required=True, help="its name: frontend-shell, frontend-account or frontend-payments")
    parser.add_argument("--from", required=True, dest="source", metavar="FOLDER", help="where it was built")
    parser.add_argument("--to", required=True, dest="target", metavar="FOLDER", help="what the gateway serves")
    return parser.parse_args()


def _answers(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        try:
            with direct.open(f"{url}/health/ready", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    return False


if __name__ == "__main__":
    sys.exit(main())
