"""A panel that is empty while all is well shows something when it is not: on series as an incident leaves them."""

from pathlib import Path

import yaml

from sandbox.dashboards.queries import Query, dashboards, queries_of, values_of
from tests.config.rules.test_rules import run

# A service whose calls fail and that was released five minutes in, when a page began; another alert has fired from the
# start. One sample every five seconds.
SERVICE = 'service="payments"'
ALERT = f'alertname="PaymentsErrorBudgetBurn",severity="page",team="payments",sloth_slo="availability",{SERVICE}'
HTTP = f'{SERVICE},http_request_method="POST",http_route="/payments",http_response_status_code="500"'
GATEWAY = HTTP.replace('"payments"', '"gateway"')
OBJECTIVE = f'sloth_service="payments",sloth_slo="availability",{SERVICE}'
RECORDED = (
    "current_burn_rate:ratio",
    "period_burn_rate:ratio",
    "period_error_budget_remaining:ratio",
    "objective:ratio",
    "error_budget:ratio",
    "sli_error:ratio_rate5m",
)


def histogram(name: str, labels: str) -> dict[str, str]:
    return {f'{name}_bucket{{{labels},le="{le}"}}': "0+1x120" for le in ("1", "+Inf")}


SERIES = {
    f'ALERTS{{alertstate="firing",{ALERT}}}': "1x120",
    f"ALERTS_FOR_STATE{{{ALERT}}}": "100x120",
    f'ALERTS{{alertstate="firing",alertname="CircuitOpen",severity="page",{SERVICE}}}': "_x60 1x60",
    f'build_info{{version="0.1.0",environment="dev",{SERVICE}}}': "1x58 stale",
    f'build_info{{version="0.2.0",environment="dev",{SERVICE}}}': "_x60 1x60",
    f"http_server_request_duration_seconds_count{{{HTTP}}}": "0+1x120",
    f"http_server_request_duration_seconds_count{{{GATEWAY}}}": "0+1x120",
    **histogram("http_server_request_duration_seconds", HTTP),
    **histogram("http_server_request_duration_seconds", GATEWAY),
    f"http_server_active_requests{{{SERVICE}}}": "3x120",
    f'http_client_request_duration_seconds_count{{{SERVICE},error_type="httpx.ReadTimeout"}}': "0+1x120",
    **histogram("traces_service_graph_request_client_seconds", 'client="payments",server="auth"'),
    'traces_service_graph_request_total{client="payments",server="auth"}': "0+1x120",
    'traces_service_graph_request_total{client="gateway",server="payments"}': "0+1x120",
    **histogram("traces_spanmetrics_latency", f'{SERVICE},span_kind="SPAN_KIND_CLIENT",span_name="SELECT payments"'),
    **histogram("event_loop_lag_seconds", SERVICE),
    f"process_cpu_seconds_total{{{SERVICE}}}": "0+1x120",
    f"process_resident_memory_bytes{{{SERVICE}}}": "1000x120",
    f'db_client_connections{{{SERVICE},db_client_connection_state="used"}}': "9x120",
    f"db_client_connection_max{{{SERVICE}}}": "10x120",
    f'telemetry_error_events_total{{{SERVICE},outcome="recorded"}}': "0+1x120",
    'synthetic_journeys_total{outcome="success"}': "0+1x120",
    'synthetic_journeys_total{outcome="failure"}': "0+1x120",
    'synthetic_steps_total{step="login",outcome="success"}': "0+1x120",
    "synthetic_last_success_timestamp_seconds": "100x120",
    **histogram("synthetic_journey_duration_seconds", 'outcome="success"'),
    **histogram("synthetic_step_duration_seconds", 'step="login"'),
    **histogram("payment_amount_minor_units", 'currency="EUR"'),
    'payment_amount_minor_units_sum{currency="EUR"}': "0+100x120",
    **{f"slo:{name}{{{OBJECTIVE}}}": "0.5x120" for name in RECORDED},
}
MOMENT = "300s"


def quiet_queries() -> list[Query]:
    boards = dashboards().values()
    every = [one for board in boards for one in queries_of(board, values_of(board, {"service": "payments"}))]
    return [one for one in every if one.quiet and one.store == "prometheus"]


def test_every_quiet_query_speaks_up_in_an_incident(tmp_path: Path) -> None:
    queries = quiet_queries()
    assert queries
    spoken = [
        {
            "expr": f"count({one.expression}) > bool 0",
            "eval_time": MOMENT,
            "exp_samples": [{"labels": "{}", "value": 1}],
        }
        for one in queries
    ]
    recorded = [{"series": name, "values": values} for name, values in SERIES.items()]
    test = {"tests": [{"interval": "5s", "input_series": recorded, "promql_expr_test": spoken}]}
    file = tmp_path / "quiet.test.yml"
    file.write_text(yaml.safe_dump(test), encoding="utf-8")
    run("IMAGE_PROMETHEUS", "/bin/promtool", "test", "rules", file)
