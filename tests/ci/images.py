"""Builds stand-in images from the same facts and programs, because the official images cannot always be pulled.

A stand-in has the user, paths, entrypoint, data directories and missing shell that images.toml states for the official
image, and the program that the native engine runs. Its name is the official one with the prefix `localhost/`.
"""

import functools
import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.engines.native import build
from sandbox.engines.native.images import Catalog, Image
from tests.ci.base import base_archive, base_busybox, base_python
from tests.ci.dockerfile import busybox_links, dockerfile, environments
from tests.ci.npmcache import HOME as NPM_CACHE
from tests.ci.npmcache import npm_cache, npm_configuration
from tests.ci.rootfs import Rootfs
from tests.ci.wheels import PIP_CONFIGURATION, wheelhouse

__all__ = ["ImageError", "Maker", "make_all", "name_officially", "stand_in_overrides"]

_LABEL = "sandbox.stand-in"
_SECONDS = 300
# Packages, of Python and npm, that are installed while images based on this one are built.
_BUILDS_LOCKS = ("services/requirements.lock", "services/frontend/requirements.lock")
_BUILDS_PAGES = "services/frontend"
_PASSWD = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"


class ImageError(Exception):
    """The image that could not be built, and the engine's error message."""


def stand_in_overrides(variables: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Return the IMAGE_* variables that select the stand-ins in docker-compose.yml.

    Images that cannot be built are left out.
    """
    return {
        name: f"localhost/{reference}"
        for name, reference in variables.items()
        if name.startswith("IMAGE_") and not catalog.image(reference).without
    }


def make_all(
    root: Path, cache: Path, catalog: Catalog, variables: Mapping[str, str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Build every possible stand-in with the engine of `environment`; return the variables that select the images."""
    cache.mkdir(parents=True, exist_ok=True)
    maker = Maker(root, cache, catalog, environment)
    overrides = stand_in_overrides(variables, catalog)
    programs = build.ensure(variables[name] for name in overrides)
    for name, stand_in in overrides.items():
        began = time.monotonic()
        made = maker.make(catalog.image(stand_in), programs[variables[name]], stand_in)
        print(f"{'made' if made else 'kept':6} {time.monotonic() - began:5.1f} s  {stand_in}", flush=True)
    return overrides


def name_officially(overrides: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Give the stand-ins the names of the official images, too: a cluster's node imports them under these."""
    for stand_in in overrides.values():
        _docker(environment, "tag", stand_in, stand_in.removeprefix("localhost/"))


@dataclass(frozen=True)
class Maker:
    """Builds images with the engine that `environment` selects; `cache` keeps the base and the wheels between runs."""

    root: Path
    cache: Path
    catalog: Catalog
    environment: Mapping[str, str]

    def make(self, image: Image, programs: Mapping[str, Path], name: str) -> bool:
        """Build image `name` of native `programs` (path in the image -> file). Return False if it exists unchanged."""
        below = self._base() if image.base == "debian" else "scratch"
        rootfs, recipe = Rootfs(), dockerfile(image, below, self._commands(image))
        self._fill(rootfs, image, programs)
        digest = hashlib.sha256("\0".join((recipe, self._label_of(below), rootfs.digest())).encode()).hexdigest()
        if self._label_of(name) == digest:
            return False
        with tempfile.TemporaryDirectory(dir=self.cache, prefix="image-") as context:
            rootfs.write(Path(context) / "rootfs.tar")
            (Path(context) / "Dockerfile").write_text(recipe)
            _docker(self.environment, "build", "--quiet", "--label", f"{_LABEL}={digest}", "--tag", name, context)
        return True

    def _base(self) -> str:
        archive = base_archive(self.cache)
        name = f"localhost/base:{archive.stem.removeprefix('base-')}"
        stamp = str(archive.stat().st_mtime_ns)
        if self._label_of(name) != stamp:
            _docker(self.environment, "import", "--change", f"LABEL {_LABEL}={stamp}", str(archive), name)
        return name

    def _label_of(self, name: str) -> str:
        if name == "scratch":
            return ""
        done = _client(self.environment, "image", "inspect", "--format", "{{json .Config.Labels}}", name)
        return (json.loads(done.stdout) or {}).get(_LABEL, "") if done.returncode == 0 else ""

    def _fill(self, rootfs: Rootfs, image: Image, programs: Mapping[str, Path]) -> None:
        for directory in image.directories:
            owner, group = (int(number) for number in directory.owner.split(":"))
            # Debian's /var/run is a symbolic link, which a directory would replace.
            path = re.sub(r"^/var/run/", "/run/", directory.path) if image.base == "debian" else directory.path
            rootfs.directory(path, (owner, group), int(directory.mode, 8))
        if image.base == "debian":
            self._fill_debian(rootfs, image, programs)
        else:
            self._fill_small(rootfs, image, programs)

    def _fill_small(self, rootfs: Rootfs, image: Image, programs: Mapping[str, Path]) -> None:
        if image.base != "scratch":
            rootfs.directory("/tmp", mode=0o1777)
            rootfs.text("/etc/passwd", _PASSWD)
        for path in image.binaries:
            rootfs.file(path, programs[path])
        busybox = base_busybox(base_archive(self.cache))
        for link, target in busybox_links(image, _applets(busybox)).items():
            rootfs.file(target, busybox)
            rootfs.link(link, target)

    def _fill_debian(self, rootfs: Rootfs, image: Image, programs: Mapping[str, Path]) -> None:
        for path, source in image.binaries.items():
            if source.scheme == "shim":
                rootfs.file(path, programs[path])
            elif source.scheme == "venv" and not source.member.startswith("bin/"):
                _fill_installation(rootfs, path, programs[path])
        if "/usr/local/bin/python" in image.binaries:
            for name in ("python", "python3"):
                rootfs.link(f"/usr/local/bin/{name}", "/usr/bin/python3")
            rootfs.text("/etc/pip.conf", PIP_CONFIGURATION)
            for lock in self._locks(image):
                rootfs.text(f"/wheels/{lock.name}", lock.read_text())
                rootfs.tree("/wheels", wheelhouse(lock, base_python(base_archive(self.cache)), self.cache))
            if not environments(image):
                pages = self.root / _BUILDS_PAGES
                rootfs.text("/root/.npmrc", npm_configuration(pages))
                rootfs.tree(NPM_CACHE, npm_cache(pages, self.cache))

    def _locks(self, image: Image) -> list[Path]:
        names = [self.catalog.venvs[name].lock for name in sorted(environments(image))] or _BUILDS_LOCKS
        return [self.root / name for name in names]

    def _commands(self, image: Image) -> list[str]:
        """Return the build commands that create the image's accounts and install an application's packages.

        The services' images install theirs in their own builds.
        """
        steps = []
        for name, ids in image.accounts.items():
            user, group = ids.split(":")
            steps.append(f"groupadd --gid {group} {name} && useradd --uid {user} --gid {group} --no-create-home {name}")
        if environments(image):
            locks = " ".join(f"-r /wheels/{lock.name}" for lock in self._locks(image))
            steps.append(f"pip install --quiet --no-deps {locks} && rm -r /wheels")
        return steps


def _fill_installation(rootfs: Rootfs, path: str, program: Path) -> None:
    """Copy `<site-packages>/<package>/<installation>/bin/x` and its surrounding files to `<prefix>/bin/x`.

    The program finds its libraries by a relative path, three folders up.
    """
    prefix, installation = Path(path).parents[1], program.parents[1]
    for part in ("bin", "lib", "share"):
        rootfs.tree(str(prefix / part), installation / part)
    for libraries in sorted(program.parents[3].glob("*.libs")):
        rootfs.tree(str(prefix.parents[1] / libraries.name), libraries)


def _docker(environment: Mapping[str, str], *arguments: str) -> None:
    done = _client(environment, *arguments)
    if done.returncode:
        raise ImageError(f"docker {arguments[0]} failed: {(done.stdout + done.stderr).strip()[-1500:]}")


def _client(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        stdin=subprocess.DEVNULL,
    )


@functools.cache
def _applets(busybox: Path) -> list[str]:
    return subprocess.run(
        [str(busybox), "--list"], capture_output=True, text=True, check=True, timeout=10
    ).stdout.split()
