"""Queries of a dashboard, with Grafana's variables filled in."""

from typing import Any

import pytest

from sandbox.dashboards.queries import filled, load, queries_of, values_of

TARGET = {"refId": "B", "datasource": {"type": "prometheus"}, "expr": 'rate(x{s=~"$service"}[$__rate_interval])'}


def dashboard(*targets: dict[str, Any], **panel: Any) -> dict[str, Any]:
    shown = {"type": "timeseries", "title": "Rate", "targets": list(targets), "fieldConfig": {"defaults": {}}, **panel}
    variables = [
        {"name": "service", "current": {"value": ["auth", "payments"]}},
        {"name": "route", "allValue": ".+"},
        {"name": "trace", "current": {"value": ""}},
    ]
    annotation = {"name": "Deploys", "expr": "build_info offset $__rate_interval"}
    return {
        "uid": "overview",
        "templating": {"list": variables},
        "annotations": {"list": [annotation]},
        "panels": [{"type": "row", "title": "Now"}, shown],
    }


def test_variables_are_filled_and_annotations_are_queries_too() -> None:
    board = dashboard(TARGET)
    panel, annotation = queries_of(board, values_of(board))
    assert panel.expression == 'rate(x{s=~"auth|payments"}[20s])'
    assert (panel.store, panel.kind, str(panel)) == ("prometheus", "range", "overview: Rate B")
    assert annotation.expression == "build_info offset 20s"


def test_choice_wins_over_the_default_and_an_empty_text_stays_empty() -> None:
    board = dashboard(TARGET)
    values = values_of(board, {"service": "gateway"}, seconds=3600, step=15)
    assert (values["service"], values["route"], values["trace"]) == ("gateway", ".+", "")
    assert (values["__rate_interval"], values["__range"]) == ("20s", "3600s")


def test_panel_that_may_be_empty_says_what_that_means() -> None:
    board = dashboard(TARGET, fieldConfig={"defaults": {"noValue": "Nothing fires"}})
    assert next(queries_of(board, values_of(board))).quiet == "Nothing fires"


def test_unknown_variable_is_an_error_not_a_silent_gap() -> None:
    board = dashboard({**TARGET, "expr": "rate(x[$windw])"})
    with pytest.raises(KeyError, match="windw"):
        list(queries_of(board, values_of(board)))


def test_reference_to_a_group_of_a_pattern_is_no_variable() -> None:
    assert filled('label_replace(up, "a", "$1", "b", "(.*)")', {}) == 'label_replace(up, "a", "$1", "b", "(.*)")'


def test_unknown_dashboard_is_refused_with_those_that_exist() -> None:
    with pytest.raises(FileNotFoundError, match=r"no dashboard overvew\. Choose from: .*overview"):
        load("overvew")
