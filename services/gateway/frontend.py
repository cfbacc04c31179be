"""The web frontend at `/`: the shell's page with the current releases, and the files of every micro-frontend."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from gateway.settings import BROWSER_SAMPLING, Settings
from gateway.welcome import welcome
from kit.catalog import team_of
from sandbox_telemetry import current_traceparent

__all__ = ["Deployment", "files", "page"]

ASSETS = "/assets"
SHELL = "frontend-shell"
# Version of a part that has not been released yet.
UNPUBLISHED = "unpublished"
# The import map's names of the modules.
MODULES = {
    "@sandbox/platform": (SHELL, "platform"),
    "@sandbox/account": ("frontend-account", "main"),
    "@sandbox/payments": ("frontend-payments", "main"),
}
# Only our own files, no markup from strings, no framing. {hashes} allow the two scripts that must be inline: the import
# map, and the fallback for files that do not load. (The configuration is data, so it needs no hash.)
POLICY = (
    "default-src 'none'; script-src 'self' {hashes}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Deployment:
    """One published micro-frontend: {entry: file} and style sheets, relative to its own address."""

    app: str
    version: str
    entries: Mapping[str, str]
    styles: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path, app: str) -> Deployment:
        """Return the app's current release (services/frontend/release.py) from its manifest.

        Read for each page, so a release needs no restart. Raises FileNotFoundError if there is none.
        """
        version = (folder / app / "current").read_text(encoding="utf-8").strip()
        manifest = json.loads((folder / app / version / "manifest.json").read_text(encoding="utf-8"))
        return cls(app, version, manifest["entries"], tuple(manifest["styles"]))

    def address(self, file: str) -> str:
        return f"{ASSETS}/{self.app}/{self.version}/{file}"


class _Files(StaticFiles):
    """Static files with hashed names: browsers cache them and never ask again."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers.update({"Cache-Control": "public, max-age=31536000, immutable", **_FILE_HEADERS})
        return response

    def lookup_path(self, path: str) -> tuple[str, Any]:
        # Published folders contain no source maps; one that was copied there by hand is not served.
        return ("", None) if path.endswith(".map") else super().lookup_path(path)


_FILE_HEADERS = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


def files(folder: Path) -> GZipMiddleware:
    """Return the ASGI application that serves the files in `folder`, also those that are published later."""
    return GZipMiddleware(_Files(directory=folder, check_dir=False, follow_symlink=False))


async def page(request: Request) -> HTMLResponse:
    """Return the shell's page, or the welcome page if no shell is published. Missing micro-frontends are tolerated."""
    settings: Settings = request.app.state.service.settings
    folder = settings.assets_directory
    if folder is None or SHELL not in settings.apps:
        return await welcome(request)
    try:
        deployed = {app: _read(folder, app) for app in sorted(settings.apps)}
        shell = deployed[SHELL]
        published = folder / SHELL / shell.version
        template = (published / "index.html").read_text(encoding="utf-8")
        boot = (published / shell.entries["boot"]).read_text(encoding="utf-8")
    except FileNotFoundError:
        return await welcome(request)
    return _render(template, boot, deployed, configuration(settings, deployed))


def configuration(settings: Settings, deployed: Mapping[str, Deployment]) -> dict[str, Any]:
    """Return the page's configuration; services/frontend/platform/src/config.ts reads it."""
    return {
        "environment": settings.deployment_environment.value,
        "apps": {
            app: {
                "version": one.version,
                "team": team_of(app),
                "dsn": settings.dsns.get(app),
                "styles": [one.address(file) for file in one.styles],
            }
            for app, one in deployed.items()
        },
        "sampling": {
            **BROWSER_SAMPLING[settings.deployment_environment],
            "sentryTraces": settings.sentry_traces_sample_rate,
        },
        "traceparent": current_traceparent(),
        "breakable": not settings.is_prod,
    }


def _read(folder: Path, app: str) -> Deployment:
    try:
        return Deployment.read(folder, app)
    except FileNotFoundError:
        if app == SHELL:
            raise
        # Its import fails in the browser; the shell then shows what still works, and reports the failure.
        return Deployment(app, UNPUBLISHED, {"main": "main.js"}, ())


def _render(template: str, boot: str, deployed: Mapping[str, Deployment], told: Mapping[str, Any]) -> HTMLResponse:
    modules = {name: (deployed[app], entry) for name, (app, entry) in MODULES.items() if app in deployed}
    addresses = {name: one.address(one.entries[entry]) for name, (one, entry) in modules.items()}
    imports = _inline({"imports": addresses})
    shell = deployed[SHELL]
    main, platform = shell.address(shell.entries["main"]), addresses["@sandbox/platform"]
    values = {
        "styles": "".join(
            f'<link rel="stylesheet" href="{html.escape(shell.address(file))}" />' for file in shell.styles
        ),
        "config": _inline(told),
        "imports": imports,
        "boot": boot,
        # The platform first, so that it catches errors from the beginning.
        "scripts": "".join(f'<script type="module" src="{html.escape(file)}"></script>' for file in (platform, main)),
    }
    content = template
    for name, value in values.items():
        content = content.replace(f"{{{{ {name} }}}}", value)
    policy = POLICY.replace("{hashes}", " ".join(_hash(script) for script in (imports, boot)))
    return HTMLResponse(content, headers={**HEADERS, "Content-Security-Policy": policy})


def _hash(script: str) -> str:
    """Return the CSP source that allows this exact script inline."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _inline(value: Any) -> str:
    """Return JSON that cannot close the surrounding script element."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
