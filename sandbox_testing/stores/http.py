"""The base class of the stores' clients."""

from typing import Any

import httpx

from sandbox_testing import direct

__all__ = ["Store"]


class Store:
    """A store with a JSON API over HTTP. ``request_timeout`` is in seconds."""

    name = "store"

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, request_timeout: float = 10.0) -> None:
        self.client = httpx.Client(
            base_url=url, headers=headers, timeout=request_timeout, trust_env=False, verify=direct.certificates()
        )

    def get(self, path: str, **parameters: Any) -> Any:
        # None instead of {}, which would remove the query of an address.
        response = self.client.get(path, params={k: v for k, v in parameters.items() if v is not None} or None)
        if response.is_error:
            reason = f"{self.name} answered {response.status_code} to {response.request.url}: {response.text[:500]}"
            raise httpx.HTTPStatusError(reason, request=response.request, response=response)
        return response.json()

    def close(self) -> None:
        self.client.close()
