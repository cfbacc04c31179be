"""A Docker engine for the run: the one that answers, or one started here and stopped at the end."""

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
# What lists a kind of thing that an earlier run may have left, and what removes it; containers hold volumes.
_LEFT = (
    (["ps", "--all", "--quiet"], ["rm", "--force"]),
    (["volume", "ls", "--quiet"], ["volume", "rm", "--force"]),
)


class EngineUnavailable(Exception):
    """Why no Docker engine can run here. A property of the machine, not a fault of the project."""


@dataclass
class Daemon:
    """How to reach an engine; `process` is None when it ran before and is left alone."""

    environment: dict[str, str]
    folder: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def stop(self) -> None:
        """Stops what `start` started, by its own process id, and removes its files; an engine that answered runs on."""
        if self.process is not None:
            # What this run's images replaced would otherwise pile up in the cache.
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
    """Installs what an engine and the stand-in images need and this machine lacks; names of what was installed."""
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
        # Newer releases keep the client in a package of its own.
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
    """The engine that answers, else one of our own with images under `data`; `compose` becomes the client's plugin.

    The engine of our own listens on a Unix socket only. EngineUnavailable says why none answers after a minute.
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
    # A Unix socket's path may have about 100 bytes, so all sockets are below a short folder.
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
    """Empties an engine of the run's own but for its images.

    It starts again what ran when an earlier run was killed, on the ports and volumes that this one needs.
    """
    for listing, removal in _LEFT:
        names = _told(listing, engine.environment).split()
        if names:
            _told([*removal, *names], engine.environment)
    # It keeps the networks that every engine has.
    _told(["network", "prune", "--force"], engine.environment)


def _told(arguments: list[str], environment: Mapping[str, str]) -> str:
    done = _client(arguments, environment, _STOP_SECONDS)
    if done.returncode:
        error, what = done.stderr.decode(errors="replace").strip(), " ".join(arguments[:2])
        raise RuntimeError(f"docker {what} failed, so what an earlier run left may still be here: {error}")
    return done.stdout.decode()


def _client_configuration(folder: Path, compose: Path) -> Path:
    """A client configuration of our own, so that the plugin leaves no trace in anybody's home directory."""
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
