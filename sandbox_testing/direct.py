"""Single HTTP requests to this machine and its neighbours, never through a proxy of the environment."""

import ssl
from functools import cache, partial
from typing import Any

import httpx

__all__ = ["certificates", "get", "post", "put"]


@cache
def certificates() -> ssl.SSLContext:
    """Return httpx's TLS settings. httpx loads the certificates for each client, which takes fifty times a request."""
    return httpx.create_ssl_context(trust_env=False)


def _request(method: str, url: str, **options: Any) -> httpx.Response:
    return httpx.request(method, url, trust_env=False, verify=certificates(), **options)


get, post, put = (partial(_request, method) for method in ("GET", "POST", "PUT"))
