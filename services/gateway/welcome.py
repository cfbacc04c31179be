"""The welcome page: all addresses, and what to try first."""

from __future__ import annotations

from pathlib import Path

from fastapi import Request
from fastapi.responses import HTMLResponse

__all__ = ["welcome"]

_PAGE = Path(__file__).with_name("welcome.html")
_PORTS = {
    "gateway": "8000",
    "prometheus": "9090",
    "alertmanager": "9093",
    "loki": "3100",
    "tempo": "3200",
    "grafana": "3000",
    "bugsink": "8800",
    "mailpit": "8025",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


def render(stack_ports: str) -> str:
    """Return the page, with the ports of `grafana=3000,...` where they differ from the defaults."""
    chosen = dict(pair.split("=", 1) for pair in stack_ports.replace(" ", "").split(",") if "=" in pair)
    page = _PAGE.read_text(encoding="utf-8")
    for name, port in (_PORTS | {k: v for k, v in chosen.items() if v.isdigit()}).items():
        page = page.replace(f"{{{{ {name} }}}}", port)
    return page


async def welcome(request: Request) -> HTMLResponse:
    """Return a static page; its ports come from the settings."""
    return HTMLResponse(render(request.app.state.service.settings.stack_ports), headers=_HEADERS)
