"""A Docker engine for the run: the one that responds, or one started here and stopped at the end."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Daemon", "EngineUnavailable", "ensure_packages", "start"]

_PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "debootstrap": "debootstrap"}
_START_SECONDS = 60
_STOP_SECONDS = 60
_APT_SECONDS = 600
# Commands that list and remove each kind of leftover of an earlier run. Containers first: they hold volumes.
_LEFT = (
    (["ps", "--all", "--quiet"], ["rm", "--force"]),
    (["volume", "ls", "--quiet"], ["volume", "rm", "--force"]),
)


class EngineUnavailable(Exception):
    """The reason why no Docker engine can run here. It is a property of the machine, not an error of the project."""


@dataclass
class Daemon:
    """The connection to an engine; `process` is None if it was running before and is not stopped."""

    environment: dict[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stop the process that `start` started, by its process id, and remove its files.

        An engine that was already running is not affected.
        """
        if self.process is not None:
            # Otherwise images that this run replaced would accumulate in the cache.
            with contextlib.suppress(subprocess.TimeoutExpired):
                _client(["image", "prune", "--force"], self.environment, _STOP_SECONDS)
            self.process.terminate()
            try:
                self.process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def ensure_packages() -> list[str]:
    """Install missing packages that an engine and the stand-in images need; return their names."""
    missing = [package for program, package in _PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return []
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EngineUnavailable(
            f"{', '.join(missing)} missing, and only root on Debian or Ubuntu can install them here"
        )
    _apt("update")
    _apt("install", *missing)
    if not shutil.which("docker"):
        # Newer releases have the client in a separate package.
        _apt("install", "docker-cli")
    return missing


def _apt(action: str, *packages: str) -> None:
    done = subprocess.run(
        [
            "apt-get",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            "--option=DPkg::Lock::Timeout=120",
            action,
            *packages,
        ],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_APT_SECONDS,
    )
    if done.returncode:
        raise EngineUnavailable(f"apt-get {action} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def start(data: Path, log: Path, compose: Path) -> Daemon:
    """Return the engine that responds, otherwise start one with images in `data`; `compose` becomes the client's
    plugin.

    An engine started here listens on a Unix socket only. Raises EngineUnavailable with the reason if none responds
    within a minute.
    """
    folder = Path(tempfile.mkdtemp(prefix="sandbox-engine-", dir="/run" if os.access("/run", os.W_OK) else None))
    engine = Daemon({"DOCKER_CONFIG": str(_client_configuration(folder / "client", compose))}, folder, log)
    try:
        if not _answers(engine.environment):
            _begin(engine, data)
            _wait(engine)
            _sweep(engine)
    except BaseException:
        engine.stop()
        raise
    return engine


def _begin(engine: Daemon, data: Path) -> None:
    if not shutil.which("dockerd"):
        raise EngineUnavailable("no engine answers and dockerd is not installed")
    data.mkdir(parents=True, exist_ok=True)
    # A Unix socket's path is limited to about 100 bytes, so all sockets are in a short folder.
    socket = f"unix://{engine.folder}/docker.sock"
    command = ["dockerd", "--host", socket, "--data-root", str(data), "--exec-root", str(engine.folder / "exec")]
    with engine.log.open("wb") as output:
        engine.process = subprocess.Popen(
            [*command, "--pidfile", str(engine.folder / "pid")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    engine.environment["DOCKER_HOST"] = socket


def _wait(engine: Daemon) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and engine.process.poll() is None:
        if _answers(engine.environment):
            return
        time.sleep(0.2)
    last = engine.log.read_text(errors="replace").splitlines()[-5:]
    raise EngineUnavailable("dockerd does not start here. Its last words:\n  " + "\n  ".join(last))


def _sweep(engine: Daemon) -> None:
    """Remove everything but the images from the run's own engine.

    At its start, it restarts containers of a killed run, which occupy ports and volumes of this one.
    """
    for listing, removal in _LEFT:
        names = _told(listing, engine.environment).split()
        if names:
            _told([*removal, *names], engine.environment)
    # Does not remove the engine's default networks.
    _told(["network", "prune", "--force"], engine.environment)


def _told(arguments: list[str], environment: Mapping[str, str]) -> str:
    done = _client(arguments, environment, _STOP_SECONDS)
    if done.returncode:
        error, what = done.stderr.decode(errors="replace").strip(), " ".join(arguments[:2])
        raise RuntimeError(f"docker {what} failed, so what an earlier run left may still be here: {error}")
    return done.stdout.decode()


def _client_configuration(folder: Path, compose: Path) -> Path:
    """Return a separate client configuration, so that the plugin does not change the user's home directory."""
    plugins = folder / "cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(compose)
    return folder


def _answers(environment: Mapping[str, str]) -> bool:
    try:
        return bool(shutil.which("docker")) and _client(["version"], environment, 15).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _client(arguments: list[str], environment: Mapping[str, str], seconds: float) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
    )
