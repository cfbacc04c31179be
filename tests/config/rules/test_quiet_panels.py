"""A panel that is empty while all is well shows something when it is not: on series as an incident leaves them."""

from pathlib import Path

import yaml

from grafana.queries import Query, dashboards, queries_of, values_of
from tests.config.rules.test_rules import run

# A service whose calls fail, that was released five minutes in, and of which an alert has been firing since. One sample
# every five seconds.
SERVICE = 'service="payments"'
ALERT = f'alertname="PaymentsErrorBudgetBurn",severity="page",team="payments",sloth_slo="availability",{SERVICE}'
HTTP = f'{SERVICE},http_request_method="POST",http_route="/payments",http_response_status_code="500"'
SERIES = {
    f'ALERTS{{alertstate="firing",{ALERT}}}': "1x120",
    f"ALERTS_FOR_STATE{{{ALERT}}}": "100x120",
    f'build_info{{version="0.1.0",environment="dev",{SERVICE}}}': "1x58 stale",
    f'build_info{{version="0.2.0",environment="dev",{SERVICE}}}': "_x58 1x60",
    f"http_server_request_duration_seconds_count{{{HTTP}}}": "0+1x120",
    f"http_server_active_requests{{{SERVICE}}}": "3x120",
    f'http_client_request_duration_seconds_count{{{SERVICE},error_type="httpx.ReadTimeout"}}': "0+1x120",
    'traces_service_graph_request_client_seconds_bucket{client="payments",server="auth",le="1"}': "0+1x120",
    'traces_service_graph_request_client_seconds_bucket{client="payments",server="auth",le="+Inf"}': "0+1x120",
    f'event_loop_lag_seconds_bucket{{{SERVICE},le="0.1"}}': "0+1x120",
    f'event_loop_lag_seconds_bucket{{{SERVICE},le="+Inf"}}': "0+1x120",
    f"process_cpu_seconds_total{{{SERVICE}}}": "0+1x120",
    f"process_resident_memory_bytes{{{SERVICE}}}": "1000x120",
    f'db_client_connections{{{SERVICE},db_client_connection_state="used"}}': "9x120",
    f"db_client_connection_max{{{SERVICE}}}": "10x120",
    f'telemetry_error_events_total{{{SERVICE},outcome="recorded"}}': "0+1x120",
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
