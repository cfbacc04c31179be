"""Makes sentry-cli upload source maps to the address of its own request.

The tracker returns BASE_URL, which is for browsers. Another container cannot reach that address.
"""

import json
from collections.abc import Callable
from typing import Any

__all__ = ["UploadAddress"]


class UploadAddress:
    """Django middleware; must be the innermost one, because it changes the response's length."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self._get_response(request)
        if request.method == "GET" and request.path.endswith("/chunk-upload/") and response.status_code == 200:
            answer = json.loads(response.content)
            response.content = json.dumps({**answer, "url": request.build_absolute_uri(request.path)})
        return response
