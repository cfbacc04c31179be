"""Creates a small Debian (or Ubuntu) file system for the stand-in images.

It has this machine's release and comes from its mirror.
"""

import functools
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

__all__ = ["BaseUnavailable", "base_archive", "base_busybox", "base_python"]

_PACKAGES = ("busybox-static", "ca-certificates", "python3", "python3-pip", "python3-venv", "tzdata")
# The interpreter belongs to the image, as in the official one: no "externally managed" error, and no files of apt.
_LEFT_OUT = (
    "dev/",
    "proc/",
    "sys/",
    "usr/share/doc/",
    "usr/share/man/",
    "usr/share/locale/",
    "var/cache/apt/",
    "var/lib/apt/lists/",
)
_SECONDS = 600


class BaseUnavailable(Exception):
    """The reason why no base file system can be created here, and a remedy."""


@functools.cache
def base_archive(cache: Path) -> Path:
    """Return the tar archive of the base; created on first use in `cache` (about 200 MB; one to two minutes)."""
    suite, mirror = _release_and_mirror()
    archive = cache / f"base-{suite}.tar"
    if archive.exists():
        return archive
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        raise BaseUnavailable("a base for the stand-in images needs debootstrap and root")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="debootstrap-") as scratch:
        root = Path(scratch) / "root"
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(_PACKAGES)}", suite, str(root), mirror]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise BaseUnavailable(f"debootstrap {suite} failed: {(done.stdout + done.stderr).strip()[-600:]}")
        partial = Path(scratch) / "base.tar"
        _pack(root, partial)
        partial.rename(archive)
    return archive


@functools.cache
def base_python(archive: Path) -> str:
    """Return the base's Python version, such as "3.11"."""
    with tarfile.open(archive) as tar:
        target = tar.getmember("./usr/bin/python3").linkname
    return target.removeprefix("python")


def base_busybox(archive: Path) -> Path:
    """Return the base's static busybox, which is next to the archive."""
    program = archive.with_name(f"busybox-{archive.stem}")
    if not program.exists():
        partial = program.with_suffix(".partial")
        with tarfile.open(archive) as tar, partial.open("wb") as target:
            shutil.copyfileobj(tar.extractfile("./usr/bin/busybox"), target)
        partial.chmod(0o755)
        partial.rename(program)
    return program


def _release_and_mirror() -> tuple[str, str]:
    if shutil.which("apt-get") is None:
        raise BaseUnavailable(
            "stand-in images are made with debootstrap, so they need Debian or Ubuntu; this machine has no apt-get"
        )
    os_release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    suite = os_release.get("VERSION_CODENAME", "").strip('"')
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {suite}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.split()
    if not suite or not listing:
        raise BaseUnavailable(
            "apt names no mirror for this machine's own release; run `apt-get update` and look at /etc/apt"
        )
    return suite, listing[0]


def _pack(root: Path, archive: Path) -> None:
    def keep(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = entry.name.removeprefix("./")
        wanted = not path.startswith(_LEFT_OUT) and not path.endswith("/EXTERNALLY-MANAGED")
        return entry if wanted else None

    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".", filter=keep)
