"""One trace id in sixteen begins with a zero, which Tempo's search leaves out and every other store keeps."""

import re

import pytest

from sandbox.dashboards.queries import dashboards, panels_of
from sandbox.model import ROOT
from sandbox.model.documents import parse_yaml
from sandbox_testing.stores import Bugsink, Loki
from sandbox_testing.stores.bugsink import ErrorEvent

WHOLE = "0c676282b493a8c59cd1896e40918c0b"
SHORT = [WHOLE[1:], WHOLE, "0000000000a8c59cd1896e40918c0b12"[10:]]


@pytest.mark.parametrize("given", SHORT)
def test_fixtures_find_what_belongs_to_an_id_without_its_leading_zeros(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loki, asked = Loki("http://loki"), []
    monkeypatch.setattr(loki, "lines", lambda query, since: asked.append(query) or [])
    loki.of_trace(given, 0)
    assert asked == [f'{{service_name=~".+"}} | trace_id="{given.zfill(32)}"']
    bugsink = Bugsink("http://bugsink", "token")
    event = ErrorEvent("1", 1, 0.0, {"contexts": {"trace": {"trace_id": given.zfill(32)}}})
    monkeypatch.setattr(bugsink, "projects", lambda: {"gateway": 1})
    monkeypatch.setattr(bugsink, "events", lambda project, since: [event])
    assert bugsink.of_trace(given, 0) == [event]
    assert bugsink.of_trace("f" * 32, 0) == []


def test_every_query_that_takes_an_id_accepts_it_with_and_without_leading_zeros() -> None:
    """The stored id is in Loki; a query that compares for equality finds nothing for a shortened one."""
    sources = parse_yaml((ROOT / "grafana/provisioning/datasources/stores.yml").read_text())["datasources"]
    [to_logs] = [one["jsonData"]["tracesToLogsV2"]["query"] for one in sources if one["uid"] == "tempo"]
    queries = [to_logs.replace("$${__trace.traceId}", "${trace}")]
    for board in dashboards().values():
        queries += [one["expr"] for panel in panels_of(board) for one in panel["targets"] if "expr" in one]
    taking = [query for query in queries if "${trace" in query]
    assert len(taking) >= 2
    for query in taking:
        [pattern] = re.findall(r'trace_id ?=~ ?"([^"]+)"', query)
        for given in SHORT:
            assert re.fullmatch(pattern.replace("${trace}", given), given.zfill(32)), query
            assert not re.fullmatch(pattern.replace("${trace}", given), "f" * 32), query
