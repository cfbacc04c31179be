"""Valid and invalid requests, generated from a service's own OpenAPI document: none may cause a 5xx response."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

import httpx

__all__ = ["fuzz"]


def fuzz(
    url: str, *, examples: int = 30, headers: Mapping[str, str] | None = None, without: Collection[str] = ()
) -> int:
    """Send `examples` requests to each operation of the service at `url`, except to the paths in `without`.

    Returns the number of requests. Raises AssertionError, with the request, for a status of 500 or above.
    """
    # Imported here: it is slow to import, and a run that only collects tests does not need it.
    import schemathesis
    from hypothesis import HealthCheck, Phase, given
    from hypothesis import settings as hypothesis_settings
    from hypothesis.errors import Unsatisfiable
    from schemathesis import GenerationMode

    document = httpx.get(f"{url}/openapi.json", trust_env=False).raise_for_status().json()
    document["paths"] = {path: item for path, item in document["paths"].items() if path not in without}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    sent = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @hypothesis_settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def check(case: schemathesis.Case) -> None:
                nonlocal sent
                sent += 1
                answer = case.call(headers=dict(headers or {}), timeout=30)
                assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}"

            # An operation without parameters and body cannot get invalid input.
            with suppress(Unsatisfiable):
                check()
    return sent
